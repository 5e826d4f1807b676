import { expect, test } from 'vitest'
import { requestSizeLimiting } from './request-size-limiting.ts'
import { FakeRequest, type Given } from './testing/exchange.ts'
import { access, instanceOf } from './testing/run.ts'

const send = (given: Given, config: Record<string, unknown>) =>
  access(instanceOf(requestSizeLimiting, config), new FakeRequest({ method: 'POST', ...given }))
const bytes = (allowed_payload_size: number) => ({ allowed_payload_size, size_unit: 'bytes' })

test.each([
  ['as many bytes as are allowed', { body: '12345' }, bytes(5), undefined],
  ['one more', { body: '123456' }, bytes(5), 413],
  ['in chunks, as many', { body: '12345', chunked: true }, bytes(5), undefined],
  ['in chunks, one more', { body: '123456', chunked: true }, bytes(5), 413],
  ['nothing', {}, bytes(0), undefined],
  ['who waits for leave', { body: '123456', headers: ['Expect', '100-Continue'] }, bytes(5), 417],
  [
    'a kilobyte',
    { body: 'x'.repeat(1025) },
    { allowed_payload_size: 1, size_unit: 'kilobytes' },
    413,
  ],
  ['the default', { body: 'x'.repeat(5_000) }, {}, undefined],
])('%s', async (_, given, config, status) => {
  const refusal = await send(given, config)
  expect(refusal?.status).toBe(status)
  expect(refusal?.facts.message).toBe(status && 'Request size limit exceeded')
})

test('a length has to be told where the operator says so', async () => {
  const config = { require_content_length: true }
  const refusal = await send({ body: '1', chunked: true }, config)
  expect(refusal?.status).toBe(411)
  expect(refusal?.facts.message).toBe('A valid Content-Length header is required')
  expect(await send({ body: '1' }, config)).toBeUndefined()
  expect(await send({}, config)).toBeUndefined()
})

test('defaults are those of Kong', () => {
  expect(requestSizeLimiting.schema.parse({})).toEqual({
    ...{ allowed_payload_size: 128, size_unit: 'megabytes', require_content_length: false },
  })
})
