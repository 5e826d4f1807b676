import { temporaryFolder } from '@countersign/ground/testkit'
import { expect, test } from 'vitest'
import { ask, openControl } from './testing/open-control.ts'

const text = (name: string): string =>
  `_format_version: "3.0"\nservices: [{ name: ${name}, host: a }]`

test('a declarative text that the desk loads is one change, with who and what; a broken one is none', async () => {
  using folder = temporaryFolder()
  const control = await openControl(folder.path)
  const { version: before } = await control.call('state')
  const load = (config: string) => control.call('load', { body: { config, file: 'shop.yml' } })
  expect(await load(text('one'))).toEqual({ valid: true, version: before + 1, changed: 1 })
  expect(await load(text('one'))).toEqual({ valid: true, version: before + 1, changed: 0 })
  const broken = await load('_format_version: "3.0"\nservices: [{ name: two }]')
  expect(broken).toMatchObject({
    valid: false,
    error: { code: 14, name: 'invalid declarative configuration' },
    mistakes: ['shop.yml:2: services.0.host: required field missing'],
  })
  expect((await ask(control, 'GET /services')).body.data).toMatchObject([{ name: 'one' }])
  const { versions } = await control.call('history', { query: { limit: 1 } })
  expect(versions).toMatchObject([
    { version: before + 1, what: 'load shop.yml', actor: { name: 'ada' }, changed: 1 },
  ])
  const refused = control.events.filter((event) => event.status === 'refused')
  expect(refused).toMatchObject([{ event: { code: 'KONG_14' }, userId: 'u-1' }])
  expect(await control.call('rollback', { body: { version: before + 1 } })).toEqual({
    ...{ version: before + 1, changed: 0 },
  })
  await control.close()
})

test('the desk is told what each gateway runs with', async () => {
  using folder = temporaryFolder()
  const control = await openControl(folder.path)
  const query = { after: -1, wait: 0, instance: 'gateway-1', applied: 0, fault: 'no such plugin' }
  await control.call('configuration', { query })
  expect(await control.call('state')).toEqual({
    version: expect.any(Number),
    gateways: [
      {
        ...{ instance: 'gateway-1', applied: 0, fault: 'no such plugin', present: true },
        seen: expect.any(Number),
      },
    ],
  })
  await control.close()
})
