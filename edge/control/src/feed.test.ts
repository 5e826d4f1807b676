import { describe as describeContract, contract, endpoint } from '@countersign/contract'
import { temporaryFolder, until } from '@countersign/ground/testkit'
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ask, openControl, type TestControl, testRoot } from './testing/open-control.ts'

const configuration = (control: TestControl, query: object) =>
  control.call('configuration', {
    query: { after: -1, wait: 0, instance: 'gateway-1', applied: 0, ...query },
  })

describe('the feed', () => {
  test('answers at once what is newer, and wakes all who wait for it', async () => {
    using folder = temporaryFolder()
    const control = await openControl(folder.path)
    const { version, config } = await configuration(control, {})
    expect(config.services).toEqual([])
    const waiting = ['gateway-1', 'gateway-2', 'gateway-3'].map((instance) =>
      configuration(control, { after: version, wait: 30, instance, applied: version }),
    )
    await ask(control, 'POST /services', { json: { name: 'fed', host: 'a' } })
    for (const answer of await Promise.all(waiting))
      expect(answer).toMatchObject({
        version: version + 1,
        config: { services: [{ name: 'fed' }] },
      })
    // A gateway from a future that this store has forgotten is told, too.
    expect((await configuration(control, { after: 999, wait: 30 })).version).toBe(version + 1)
    // Nothing has changed: the same again, after the wait.
    expect((await configuration(control, { after: version + 1, wait: 0 })).version).toBe(
      version + 1,
    )
    await control.close()
  })

  test('has keys in the clear for gateways, and the Admin API shows none', async () => {
    using folder = temporaryFolder()
    const control = await openControl(folder.path)
    const { cert, key } = await certificate()
    const made = await ask(control, 'POST /certificates', {
      json: { cert, key, snis: ['a.example', '*.b.example'] },
    })
    expect(made).toMatchObject({
      status: 201,
      body: { key: '[hidden]', snis: ['*.b.example', 'a.example'] },
    })
    const again = await ask(control, `PATCH /certificates/${made.body.id}`, {
      json: { key: '[hidden]', tags: ['t'] },
    })
    expect(again).toMatchObject({ status: 200, body: { tags: ['t'] } })
    const fed = await configuration(control, {})
    expect(fed.config.certificates[0].key).toBe(key)
    expect(fed.config.snis).toHaveLength(2)
    expect(
      (
        await ask(control, 'POST /snis', {
          json: { name: 'a.example', certificate: { id: made.body.id } },
        })
      ).body.code,
    ).toBe(5)
    const other = await ask(control, 'POST /certificates', {
      json: { cert, key, snis: ['a.example'] },
    })
    expect(other.body.message).toMatch(/a.example already associated with existing certificate/)
    expect((await ask(control, 'GET /certificates')).body.data).toHaveLength(1)
    expect((await ask(control, `DELETE /certificates/${made.body.id}`)).status).toBe(204)
    expect((await ask(control, 'GET /snis')).body.data).toEqual([])
    await control.close()
  })

  test('remembers what each gateway runs with, and why not with the newest', async () => {
    using folder = temporaryFolder()
    const control = await openControl(folder.path)
    await configuration(control, { applied: 1 })
    await configuration(control, { instance: 'gateway-2', applied: 0, fault: 'no such plugin' })
    expect((await ask(control, 'GET /status')).body.countersign.gateways).toMatchObject([
      { instance: 'gateway-1', applied: 1, fault: null, present: true },
      { instance: 'gateway-2', applied: 0, fault: 'no such plugin', present: true },
    ])
    const text = await control.metrics.text()
    expect(text).toContain('countersign_control_gateway_version{instance="gateway-1"} 1')
    expect(text).toContain('countersign_control_gateway_fault{instance="gateway-2"} 1')
    for (let i = 0; i < 100; i++) await configuration(control, { instance: `many-${i}` })
    expect((await ask(control, 'GET /status')).body.countersign.gateways).toHaveLength(64)
    await control.close()
  })
})

describe('entities of others', () => {
  test('stand beside one’s own, and are changed where they come from', async () => {
    using folder = temporaryFolder()
    const control = await openControl(folder.path)
    const limit = '5/second, 1000/hour per person'
    control.publish([
      describeContract(
        contract('order', {
          read: endpoint({ at: 'GET /orders/:id', callers: ['gateway'], roles: ['admin'], limit }),
          inner: endpoint({ at: 'GET /inner', callers: ['payment'], roles: 'stranger', limit }),
        }),
      ),
      describeContract(
        contract('control', {
          configuration: endpoint({
            at: 'GET /control/configuration',
            callers: ['gateway'],
            roles: 'stranger',
            limit,
          }),
        }),
      ),
    ])
    const { data } = (await ask(control, 'GET /routes')).body
    expect(data).toMatchObject([
      { name: 'order.read', tags: ['countersign', 'contract'], paths: ['~/orders/(?<id>[^/]+)$'] },
    ])
    const plugins = (await ask(control, 'GET /routes/order.read/plugins')).body.data
    expect(plugins.map(({ name }: any) => name).sort()).toEqual(['acl', 'jwt', 'rate-limiting'])
    expect((await ask(control, 'GET /routes/order.read/service')).body.name).toBe('order')
    for (const line of [
      'PATCH /routes/order.read',
      'DELETE /services/order',
      'POST /services/order/plugins',
    ])
      expect(await ask(control, line, { json: { name: 'jwt' } })).toMatchObject({
        status: 405,
        body: { code: 12 },
      })
    expect((await configuration(control, {})).config.routes).toEqual([])
    expect((await ask(control, 'GET /config')).body.config).not.toContain('order')
    await control.close()
  })

  test('of the authorities are among the CA certificates, and follow them', async () => {
    using folder = temporaryFolder()
    const control = await openControl(folder.path)
    const roots = async () => (await ask(control, 'GET /ca_certificates?tags=ca-cert-id')).body.data
    const [root] = await roots()
    expect(root.tags).toEqual(['countersign', 'ca-cert-id'])
    expect(await ask(control, `DELETE /ca_certificates/${root.id}`)).toMatchObject({
      status: 405,
      body: { code: 12 },
    })
    const { version } = await configuration(control, {})
    control.trust(await testRoot('two'))
    await until(async () => (await roots())[0].id !== root.id, 'the other root')
    expect((await configuration(control, { after: version })).version).toBeGreaterThan(version)
    expect(await roots()).toHaveLength(1)
    // Who goes back to before does not trust again what was taken away.
    const made = await ask(control, 'POST /services', { json: { name: 'gone-again', host: 'a' } })
    await control.call('rollback', { body: { version } })
    expect((await ask(control, `GET /services/${made.body.id}`)).status).toBe(404)
    expect((await roots()).map(({ id }: { id: string }) => id)).not.toContain(root.id)
    expect(await roots()).toHaveLength(1)
    await control.close()
  })
})

describe('a file', () => {
  test('is the configuration, read again when it changes; a broken one leaves what there was', async () => {
    using folder = temporaryFolder()
    const file = join(folder.path, 'kong.yml')
    const write = (text: string): void => {
      writeFileSync(`${file}.new`, `_format_version: "3.0"\n${text}`)
      renameSync(`${file}.new`, file)
    }
    write('services: [{ name: one, host: a }]')
    let control = await openControl(folder.path, { file })
    const names = async () =>
      (await ask(control, 'GET /services')).body.data.map(({ name }: any) => name)
    const status = async () => (await ask(control, 'GET /status')).body.countersign
    expect(await names()).toEqual(['one'])
    for (const [line, message] of [
      ['POST /services', "cannot create 'services' entities when not using a database"],
      ['PATCH /services/one', "cannot update 'services' entities when not using a database"],
      [
        'PUT /services/one',
        "cannot create or update 'services' entities when not using a database",
      ],
      ['DELETE /services/one', "cannot delete 'services' entities when not using a database"],
    ] as const)
      expect(await ask(control, line, { json: {} })).toMatchObject({
        status: 405,
        body: { code: 12, message },
      })
    expect((await ask(control, 'POST /config', { json: {} })).status).toBe(405)
    await expect(control.call('rollback', { body: { version: 0 } })).rejects.toThrow(/CONFLICT/)
    write('services: [{ name: two, host: a }]')
    await until(async () => (await names()).includes('two'), 'the other file', 20_000)
    write('services: [{ name: three }]')
    await until(async () => (await status()).file.problem !== null, 'the mistake', 20_000)
    expect((await status()).file.problem).toEqual([
      `${file}:2: services.0.host: required field missing`,
    ])
    expect(await names()).toEqual(['two'])
    const { version } = await status()
    await control.close()
    control = await openControl(folder.path, { file, bundle: await testRoot('other') })
    expect(await names()).toEqual(['two'])
    expect((await status()).version).toBe(version + 1)
    await control.close()
  })
})

async function certificate(): Promise<{ cert: string; key: string }> {
  const { createRoot, generateKeyPair } = await import('@countersign/ground/x509')
  const { spiffeId } = await import('@countersign/ground/spiffe')
  const keys = await generateKeyPair()
  const now = Date.now()
  const span = { notBefore: now - 1_000, notAfter: now + 86_400_000 }
  const cert = createRoot({
    trustDomainId: spiffeId('test.local'),
    commonName: 'a',
    keys,
    span,
    pathLength: 1,
  })
  return { cert, key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() }
}
