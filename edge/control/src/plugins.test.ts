import { temporaryFolder } from '@countersign/ground/testkit'
import { bundledPlugins } from '@countersign/plugins'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ask, openControl, type TestControl } from './testing/open-control.ts'

/* Every plugin that comes along, over the Admin API: made, described, exported, and loaded again to the same. */
const CONFIGS: Readonly<Record<string, object>> = {
  acl: { allow: ['admins'] },
  'http-log': { http_endpoint: 'https://logs.example.com/in' },
  'ip-restriction': { allow: ['10.0.0.0/8'] },
  'mtls-auth': { ca_certificates: ['ca-cert-id'] },
  'openid-connect': {
    issuer: 'https://idp.example.com',
    client_id: ['a'],
    client_secret: ['a-client-secret'],
  },
  opentelemetry: { traces_endpoint: 'https://otel.example.com/v1/traces' },
  'proxy-cache': { strategy: 'memory' },
  'rate-limiting': { second: 5, policy: 'redis', redis_host: 'cache', redis_port: 1234 },
}

const folder = temporaryFolder()
let control: TestControl
beforeAll(async () => {
  control = await openControl(folder.path)
  await ask(control, 'POST /services', { json: { name: 's', host: 'a' } })
})
afterAll(async () => {
  await control.close()
  folder[Symbol.dispose]()
})

describe.each(bundledPlugins.map(({ name }) => name))('%s', (name) => {
  test('is made with its defaults, and is the same after an export', async () => {
    const made = await ask(control, 'POST /services/s/plugins', {
      json: { name, config: CONFIGS[name] ?? {} },
    })
    expect(made, JSON.stringify(made.body)).toMatchObject({ status: 201, body: { name } })
    const { config } = (await ask(control, 'GET /config')).body
    const loaded = await ask(control, 'POST /config?check_hash=1', { json: { config } })
    expect(loaded, config).toMatchObject({ status: 304 })
    const { fields } = (await ask(control, `GET /schemas/plugins/${name}`)).body
    expect(fields.at(-1).config.type).toBe('record')
    const wrong = await ask(control, `PATCH /plugins/${made.body.id}`, {
      json: { config: { nonsense: 1 } },
    })
    expect(wrong).toMatchObject({
      status: 400,
      body: { code: 2, fields: { config: { nonsense: 'unknown field' } } },
    })
    const same = await ask(control, `PATCH /plugins/${made.body.id}`, {
      json: { config: made.body.config },
    })
    expect(same.body.config).toEqual(made.body.config)
  })
})
