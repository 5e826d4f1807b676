import { expect, test } from 'vitest'
import { requestTermination } from './request-termination.ts'
import { FakeRequest, type Given, ROUTE, SERVICE } from './testing/exchange.ts'
import { access, instanceOf } from './testing/run.ts'

async function ask(config: Record<string, unknown>, given: Given = {}) {
  const asked = new FakeRequest(given)
  expect(await access(instanceOf(requestTermination, config), asked)).toBeUndefined()
  return asked.answered
}

test.each([
  [{}, 503, '{"message":"Service unavailable"}', 'application/json; charset=utf-8'],
  [{ status_code: 404 }, 404, '{"message":"Not found"}', 'application/json; charset=utf-8'],
  [{ status_code: 418 }, 418, '', 'application/json; charset=utf-8'],
  [{ message: 'So "long"' }, 503, '{"message":"So \\"long\\""}', 'application/json; charset=utf-8'],
  [{ status_code: 200, body: '<p>', content_type: 'text/html' }, 200, '<p>', 'text/html'],
  [{ status_code: 200, body: 'hi' }, 200, 'hi', 'text/plain; charset=utf-8'],
])('%j', async (config, status, body, type) => {
  expect(await ask(config)).toEqual({ status, body, headers: ['content-type', type] })
})

test('with a trigger only what carries it is answered', async () => {
  const config = { trigger: 'X-Stop' }
  expect(await ask(config)).toBeUndefined()
  expect((await ask(config, { headers: ['x-stop', ''] }))?.status).toBe(503)
  expect((await ask(config, { query: 'a=1&X-Stop=1' }))?.status).toBe(503)
})

test('an echo says what has arrived, and keeps secrets', async () => {
  const answered = await ask(
    { echo: true, status_code: 200, message: 'this came' },
    {
      ...{ method: 'POST', path: '/orders', query: 'a=1&a=%32&__proto__=x', body: '{"b":2}' },
      headers: ['X-A', '1', 'x-a', '2', 'Authorization', 'Bearer secret', 'Cookie', 'sid=secret'],
    },
  )
  expect(answered?.status).toBe(200)
  const text = String(answered?.body)
  expect(text).not.toContain('secret')
  expect(JSON.parse(text)).toEqual({
    message: 'this came',
    request: {
      ...{ scheme: 'https', host: 'localhost', method: 'POST', path: '/orders' },
      headers: { 'x-a': ['1', '2'], authorization: '[hidden]', cookie: '[hidden]' },
      query: JSON.parse('{"a":["1","2"],"__proto__":"x"}'),
      raw_body: '{"b":2}',
    },
    matched_route: { id: ROUTE.id, name: 'orders' },
    matched_service: { id: SERVICE.id, name: 'order-service' },
  })
})

test.each([
  [{ message: 'a', body: 'b' }, 'message cannot be used with content_type or body'],
  [{ content_type: 'text/html' }, 'content_type requires a body'],
  [{ echo: true, body: 'b' }, 'echo cannot be used with content_type and body'],
  [{ status_code: 101 }, 'value should be between 200 and 599'],
  [{ status_code: 600 }, 'value should be between 200 and 599'],
  [{ content_type: 'a\r\nb: c', body: 'x' }, 'only printable ASCII is allowed'],
])('%j is a mistake', (config, text) => {
  expect(requestTermination.schema.safeParse(config).error?.issues[0]?.message).toBe(text)
})
