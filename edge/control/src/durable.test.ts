import { createSecretKey, randomBytes } from 'node:crypto'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '@countersign/ground/testkit'
import { deriveKey, newMasterKey } from '@countersign/ground/seal'
import { createInterface } from 'node:readline'
import { describe, expect, test } from 'vitest'
import { ControlStore } from './store/control-store.ts'
import { ask, openControl, type TestControl } from './testing/open-control.ts'

const names = async (control: TestControl, path = '/services'): Promise<string[]> =>
  (await ask(control, `GET ${path}`)).body.data.map(({ name }: { name: string }) => name).sort()
const make = (control: TestControl, json: object) => ask(control, 'POST /services', { json })

describe('changes', () => {
  test('survive a restart with their history, and nothing on the disk is readable', async () => {
    using folder = temporaryFolder()
    let control = await openControl(folder.path)
    await make(control, { name: 'kept-service', host: 'a' })
    await ask(control, 'POST /consumers', { json: { username: 'somebody' } })
    await ask(control, 'POST /consumers/somebody/key-auth', { json: { key: 'a-key-in-the-clear' } })
    const { version } = (await ask(control, 'GET /status')).body.countersign
    await control.close()
    control = await openControl(folder.path)
    expect(await names(control)).toEqual(['kept-service'])
    // The roots are others after this start of the test: one change more.
    expect((await ask(control, 'GET /status')).body.countersign.version).toBe(version + 1)
    const disk = ['control.sqlite', 'control.sqlite-wal'].map((name) =>
      readFileSync(join(folder.path, name)),
    )
    for (const text of ['kept-service', 'a-key-in-the-clear'])
      expect(disk.some((bytes) => bytes.includes(text))).toBe(false)
    await control.close()
    const seal = deriveKey(newMasterKey(), 'gateway configuration')
    await expect(openControl(folder.path, { seal })).rejects.toThrow(/sealed/)
  })

  test('are all there or not at all, whenever the process is killed', async () => {
    using folder = temporaryFolder()
    const secret = randomBytes(32)
    const key = { id: 'test', key: createSecretKey(secret) }
    let said = 0
    for (let round = 0; round < 4; round++) {
      const child = spawn(
        process.execPath,
        [
          '--conditions=countersign:source',
          join(import.meta.dirname, 'testing/change-forever.ts'),
          ...[folder.path, secret.toString('hex'), String(said)],
        ],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      )
      const until = said + 3 + round
      for await (const line of createInterface({ input: child.stdout })) {
        said = Number(line)
        if (said >= until) child.kill('SIGKILL')
      }
      const store = new ControlStore(folder.path, key)
      const services = [...(store.load().state.get('services')?.values() ?? [])]
      const generations = new Set(services.map(({ tags }) => tags?.[0]))
      const last = store.history(1)[0]?.what
      store.close()
      expect(services).toHaveLength(40)
      expect(generations.size).toBe(1)
      const [found] = generations
      expect(Number(found)).toBeGreaterThanOrEqual(said)
      expect(last).toBe(`generation ${found}`)
      said = Number(found)
    }
  }, 60_000)

  test('of many at once come one after the other, and none is lost', async () => {
    using folder = temporaryFolder()
    const control = await openControl(folder.path)
    const writers = Array.from({ length: 40 }, (_, i) =>
      make(control, { name: `w-${i}`, host: 'a' }),
    )
    const same = Array.from({ length: 10 }, () => make(control, { name: 'one', host: 'a' }))
    const put = Array.from({ length: 10 }, (_, i) =>
      ask(control, 'PUT /services/put', { json: { host: 'a', retries: i } }),
    )
    const statuses = await Promise.all([...writers, ...same, ...put])
    expect(statuses.slice(0, 40).every(({ status }) => status === 201)).toBe(true)
    expect(
      statuses
        .slice(40, 50)
        .map(({ status }) => status)
        .sort(),
    ).toEqual([201, ...Array(9).fill(409)])
    expect(statuses.slice(50).every(({ status }) => status === 200)).toBe(true)
    expect(await names(control)).toHaveLength(42)
    const { versions } = await control.call('history', { query: { limit: 200 } })
    expect(new Set(versions.map(({ version }: { version: number }) => version)).size).toBe(
      versions.length,
    )
    await control.close()
  })

  test('are refused while they cannot be put on record', async () => {
    using folder = temporaryFolder()
    const control = await openControl(folder.path)
    control.spool = 'full'
    expect(await make(control, { name: 'unrecorded', host: 'a' })).toMatchObject({
      status: 503,
      body: { code: 'AUDIT_UNAVAILABLE' },
    })
    expect(await names(control)).toEqual([])
    control.spool = 'taking'
    expect((await make(control, { name: 'recorded', host: 'a' })).status).toBe(201)
    await control.close()
  })
})

describe('history', () => {
  test('says who made what of what, shows no secret, and is rolled back by one change more', async () => {
    using folder = temporaryFolder()
    const control = await openControl(folder.path)
    const at = async (): Promise<number> =>
      (await ask(control, 'GET /status')).body.countersign.version
    await make(control, { name: 'first', host: 'a' })
    const before = await at()
    const exported = (await ask(control, 'GET /config')).body.config
    await ask(control, 'PATCH /services/first', { json: { retries: 7 } })
    await ask(control, 'POST /consumers', { json: { username: 'x' } })
    await ask(control, 'POST /consumers/x/key-auth', { json: { key: 'the-secret-key' } })
    await ask(control, 'DELETE /services/first')
    const { versions } = await control.call('history', { query: { limit: 2 } })
    expect(versions[0]).toMatchObject({
      version: before + 4,
      actor: { id: 'u-1', name: 'ada' },
      what: 'DELETE /services/first',
      changes: [{ collection: 'services', before: { name: 'first', retries: 7 }, after: null }],
    })
    expect(JSON.stringify(versions)).not.toContain('the-secret-key')
    expect(JSON.stringify(control.events)).not.toContain('the-secret-key')
    expect(await control.call('rollback', { body: { version: before } })).toEqual({
      version: before + 5,
      changed: 3,
    })
    expect((await ask(control, 'GET /services/first')).body.retries).toBe(5)
    expect((await ask(control, 'GET /config')).body.config).toBe(exported)
    // Back to where the consumer was, and to a version that does not exist.
    expect((await control.call('rollback', { body: { version: before + 3 } })).version).toBe(
      before + 6,
    )
    expect((await ask(control, 'GET /consumers/x/key-auth')).body.data).toHaveLength(1)
    await expect(control.call('rollback', { body: { version: 999 } })).rejects.toThrow(
      /no version 999/,
    )
    expect(control.events.filter(({ status }) => status === 'refused').at(-1)).toMatchObject({
      event: { code: 'KONG_12' },
    })
    await control.close()
  })

  test('is previewed: what would change, or why it cannot', async () => {
    using folder = temporaryFolder()
    const control = await openControl(folder.path)
    const preview = (config: string) =>
      control.call('preview', { body: { config, file: 'next.yml' } })
    const good = await preview('_format_version: "3.0"\nservices: [{ name: new, host: a }]')
    expect(good).toMatchObject({
      valid: true,
      changes: [{ collection: 'services', before: null, after: { name: 'new' } }],
    })
    expect(good.config.ca_certificates).toHaveLength(1)
    expect(await preview('_format_version: "3.0"\nservices: [{ name: new }]')).toMatchObject({
      valid: false,
      error: { code: 14 },
      mistakes: ['next.yml:2: services.0.host: required field missing'],
    })
    expect(await names(control)).toEqual([])
    await control.close()
  })
})

describe('POST /config', () => {
  test('replaces everything at once, and opens again what an export has sealed', async () => {
    using folder = temporaryFolder()
    const control = await openControl(folder.path)
    await make(control, { name: 'old', host: 'a' })
    const text = `_format_version: "3.0"
services: [{ name: new, host: a, routes: [{ paths: [/a] }] }]
consumers: [{ username: u, keyauth_credentials: [{ key: the-secret-key }] }]
`
    const load = (config: string, query = '') =>
      ask(control, `POST /config${query}`, { json: { config } })
    expect((await load(text)).body.services).toMatchObject({
      [(await ask(control, 'GET /services/new')).body.id]: { name: 'new' },
    })
    expect(await names(control)).toEqual(['new'])
    expect(await load(text, '?check_hash=1')).toMatchObject({ status: 304 })
    const { config } = (await ask(control, 'GET /config')).body
    expect(config).toMatch(/key: cs1\./)
    expect(config).not.toContain('the-secret-key')
    expect(await load(config, '?check_hash=1')).toMatchObject({ status: 304 })
    // Sealed for its place: nobody reads a secret by moving it to where it would be shown.
    const [, moved = ''] = /key: (cs1\.\S+)/.exec(config) ?? []
    const shown = await load(
      `{"_format_version":"3.0","consumers":[{"username":"u","custom_id":"${moved}"}]}`,
    )
    expect(shown).toMatchObject({ status: 400, body: { code: 14 } })
    expect(JSON.stringify(shown.body)).not.toContain('the-secret-key')
    expect((await control.call('exportConfig', { body: { secrets: 'plain' } })).config).toContain(
      'key: the-secret-key',
    )
    const broken = await load(`${text}plugins: [{ name: nonsense }]`, '?flatten_errors=1')
    expect(broken).toMatchObject({
      status: 400,
      body: { code: 14, flattened_errors: [{ entity_type: 'plugin', entity_name: 'nonsense' }] },
    })
    expect(await names(control)).toEqual(['new'])
    const json = await ask(control, 'POST /config', {
      json: { _format_version: '3.0', services: [{ name: 'j', host: 'a' }] },
    })
    expect(json.status).toBe(201)
    const yaml = await ask(control, 'POST /config', { raw: { type: 'application/yaml', text } })
    expect(yaml.status).toBe(201)
    expect((await ask(control, 'POST /config', { json: {} })).status).toBe(400)
    await control.close()
  })
})
