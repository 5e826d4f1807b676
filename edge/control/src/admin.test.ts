import { temporaryFolder } from '@countersign/ground/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ask, openControl, type TestControl } from './testing/open-control.ts'

/* The Admin API as programs that know Kong's meet it. */
const folder = temporaryFolder()
let control: TestControl
const api = (line: string, sent?: Parameters<typeof ask>[2]) => ask(control, line, sent)
const made = async (path: string, json: object): Promise<any> => {
  const { status, body } = await api(`POST ${path}`, { json })
  expect(status, JSON.stringify(body)).toBe(201)
  return body
}
beforeAll(async () => {
  control = await openControl(folder.path)
})
afterAll(async () => {
  await control.close()
  folder[Symbol.dispose]()
})
const NOBODY = '00000000-0000-4000-8000-000000000000'

describe("Kong's errors", () => {
  beforeAll(async () => {
    await made('/services', {
      name: 'taken',
      host: 'a',
      id: '22222222-2222-4222-8222-222222222222',
    })
    await made('/services/taken/routes', { paths: ['/taken'] })
  })
  test.each([
    [
      1,
      400,
      'GET /certificates/nonsense',
      undefined,
      `invalid primary key: '{id="expected a valid UUID"}'`,
    ],
    [2, 400, 'POST /services', { name: 'x' }, 'schema violation (host: required field missing)'],
    [
      2,
      400,
      'POST /routes',
      { paths: ['/a'], methods: 'GET', strip_path: 'yes' },
      '2 schema violations (methods: expected a set; strip_path: expected a boolean)',
    ],
    [
      2,
      400,
      'POST /plugins',
      { name: 'nonsense' },
      "schema violation (name: plugin 'nonsense' not enabled; add it to the 'plugins' configuration property)",
    ],
    [
      2,
      400,
      'POST /plugins',
      { name: 'mtls-auth', config: { ca_certificates: ['nobody'] } },
      'schema violation (config.ca_certificates: {"no CA certificate has this id or tag"})',
    ],
    [
      2,
      400,
      'POST /services',
      { host: 'a', __proto__x: 1, url: 'nonsense' },
      'schema violation (__proto__x: unknown field)',
    ],
    [
      3,
      400,
      'POST /services',
      { id: '22222222-2222-4222-8222-222222222222', host: 'b' },
      `primary key violation on key '{id="22222222-2222-4222-8222-222222222222"}'`,
    ],
    [
      4,
      400,
      'POST /routes',
      { paths: ['/a'], service: { id: NOBODY } },
      `the foreign key '{id="${NOBODY}"}' does not reference an existing 'services' entity.`,
    ],
    [
      4,
      400,
      'DELETE /services/taken',
      undefined,
      "an existing 'routes' entity references this 'services' entity",
    ],
    [
      5,
      409,
      'POST /services',
      { name: 'taken', host: 'b' },
      `UNIQUE violation detected on '{name="taken"}'`,
    ],
    [
      6,
      404,
      `PATCH /services/${NOBODY}`,
      { retries: 1 },
      `could not find the entity with primary key '{id="${NOBODY}"}'`,
    ],
    [
      7,
      400,
      'GET /services?offset=nonsense',
      undefined,
      "'nonsense' is not a valid offset: bad base64 encoding",
    ],
    [9, 400, 'GET /services?size=0', undefined, 'size must be an integer between 1 and 1000'],
    [9, 400, 'GET /services?size=many', undefined, 'size must be a number'],
    [
      10,
      400,
      'GET /services/a%20b',
      undefined,
      "invalid value 'a b': the only accepted ascii characters are alphanumerics or ., -, _, and ~",
    ],
    [
      11,
      400,
      'GET /services?tags=a,b/c',
      undefined,
      'invalid option (tags: invalid filter syntax)',
    ],
    [
      13,
      400,
      'POST /routes',
      { paths: ['/a'], service: { name: 'nowhere' } },
      `foreign key unresolved (service.name: the foreign key cannot be resolved with '{name="nowhere"}' for an existing 'services' entity)`,
    ],
    [
      14,
      400,
      'POST /config',
      { config: '_format_version: "9"' },
      'declarative config is invalid: {_format_version="expected one of: 1.1, 2.1, 3.0"}',
    ],
  ] as const)('%i, %i: %s %j', async (code, status, line, json, message) => {
    const before = await api('GET /status')
    const got = await api(line, json === undefined ? {} : { json })
    expect(got).toMatchObject({ status, body: { code, message } })
    const after = await api('GET /status')
    expect(after.body.countersign.version).toBe(before.body.countersign.version)
  })

  test('8, 500: what the disk does not take has not happened', async () => {
    using other = temporaryFolder()
    const broken = await openControl(other.path)
    broken.breakStore()
    const got = await ask(broken, 'POST /services', {
      json: { name: 'lost', host: 'a' },
      headers: {},
    })
    expect(got).toMatchObject({ status: 500, body: { code: 8, name: 'database error' } })
    expect((await ask(broken, 'GET /services')).body.data).toEqual([])
    expect(broken.events.at(-1)).toMatchObject({ status: 'failure', action: 'control.change' })
    await broken.close()
  })

  test('of paths and methods', async () => {
    expect(await api('GET /nonsense')).toMatchObject({
      status: 404,
      body: { message: 'Not found' },
    })
    expect(await api('GET /services/unknown')).toMatchObject({
      status: 404,
      body: { message: 'Not found' },
    })
    expect(await api('GET /services/unknown/routes')).toMatchObject({ status: 404 })
    expect(await api('PUT /services')).toMatchObject({
      status: 405,
      body: { message: 'Method not allowed' },
      headers: { allow: 'GET, HEAD, POST, OPTIONS' },
    })
    expect(await api('DELETE /status')).toMatchObject({
      status: 405,
      body: { message: 'Method not allowed' },
    })
    expect(await api('DELETE /services/unknown')).toMatchObject({ status: 204 })
    const { headers } = await api('GET /')
    expect(headers['x-kong-admin-latency']).toMatch(/^[0-9]+$/)
  })

  test('of bodies', async () => {
    const raw = (type: string, text: string) => api('POST /services', { raw: { type, text } })
    expect(await raw('application/json', '{')).toMatchObject({
      status: 400,
      body: { message: 'Cannot parse JSON body' },
    })
    expect(await raw('application/json', '[1]')).toMatchObject({ status: 400 })
    expect(await raw('text/plain', 'name=x')).toMatchObject({ status: 415 })
    expect(await raw('application/json', '{"__proto__":{"host":"a"}}')).toMatchObject({
      status: 400,
      body: { code: 2, fields: { host: 'required field missing' } },
    })
    expect(await raw('application/x-www-form-urlencoded', 'a=1&a.b=2')).toMatchObject({
      status: 400,
    })
    expect(await raw('application/json', `{"name":"${'x'.repeat(1_100_000)}"}`)).toMatchObject({
      status: 413,
    })
    expect(
      await raw('application/json', `${'{"a":'.repeat(500)}1${'}'.repeat(500)}`),
    ).toMatchObject({ status: 400 })
  })
})

describe('entities', () => {
  test('take forms, multipart and JSON alike', async () => {
    const boundary = 'xx'
    const part = (name: string, value: string) =>
      `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
    const multipart = `${part('name', 'by-multipart')}${part('url', 'http://a:81/b')}${part('retries', '3')}${part('tags[]', 'x')}--${boundary}--\r\n`
    const one = await api('POST /services', {
      raw: { type: `multipart/form-data; boundary=${boundary}`, text: multipart },
    })
    const two = await api('POST /services', {
      form: 'name=by-form&url=http://a:81/b&retries=3&tags=x&path=/b',
    })
    const three = await made('/services', {
      name: 'by-json',
      url: 'http://a:81/b',
      retries: 3,
      tags: ['x'],
    })
    for (const body of [one.body, two.body, three])
      expect(body).toMatchObject({
        protocol: 'http',
        host: 'a',
        port: 81,
        path: '/b',
        retries: 3,
        tags: ['x'],
      })
  })

  test('are changed field by field, put as a whole, and removed with what is theirs', async () => {
    const consumer = await made('/consumers', { username: 'carl', tags: ['a'] })
    const key = await made('/consumers/carl/key-auth', {})
    expect(key.key).toMatch(/^[A-Za-z0-9]{32}$/)
    const jwt = await made('/consumers/carl/jwt', {})
    expect(jwt).toMatchObject({
      algorithm: 'HS256',
      consumer: { id: consumer.id },
      secret: expect.stringMatching(/^\w{64}$/),
    })
    await made('/consumers/carl/acls', { group: 'g' })
    expect((await api('PATCH /consumers/carl', { json: { custom_id: 'c-1' } })).body).toMatchObject(
      { custom_id: 'c-1', tags: ['a'] },
    )
    expect((await api('PUT /consumers/carl', { json: { custom_id: 'c-2' } })).body).toMatchObject({
      ...{
        id: consumer.id,
        username: 'carl',
        custom_id: 'c-2',
        tags: null,
        created_at: consumer.created_at,
      },
    })
    expect((await api('PUT /consumers/dora')).body).toMatchObject({ username: 'dora' })
    expect((await api(`PUT /services/${NOBODY}`, { json: { host: 'put' } })).body).toMatchObject({
      id: NOBODY,
      host: 'put',
    })
    expect((await api(`GET /consumers/carl/key-auth/${key.id}`)).body.key).toBe(key.key)
    expect((await api(`GET /key-auths/${key.id}/consumer`)).body.username).toBe('carl')
    expect((await api('DELETE /consumers/carl')).status).toBe(204)
    for (const path of ['/key-auths', '/jwts', '/acls'])
      expect((await api(`GET ${path}`)).body.data).toEqual([])
  })

  test('of plugins keep what a change does not name, and take shorthands', async () => {
    await made('/services', { name: 'limited', host: 'a' })
    const plugin = await made('/services/limited/plugins', {
      name: 'rate-limiting',
      config: { second: 5, redis: { host: 'one', port: 1 } },
    })
    const changed = await api(`PATCH /plugins/${plugin.id}`, {
      form: 'config.hour=9&config.redis_host=two',
    })
    expect(changed.body.config).toMatchObject({
      second: 5,
      hour: 9,
      redis: { host: 'two', port: 1 },
    })
    const reset = await api(`PATCH /plugins/${plugin.id}`, {
      json: { config: { redis: { port: null } }, enabled: false },
    })
    expect(reset.body).toMatchObject({
      enabled: false,
      config: { redis: { host: 'two', port: 6379 } },
    })
  })

  test('of upstreams have targets, and a health that nobody makes up', async () => {
    await made('/upstreams', { name: 'up', healthchecks: { active: { healthy: { interval: 1 } } } })
    const target = await made('/upstreams/up/targets', { target: '10.0.0.1' })
    expect(target).toMatchObject({ target: '10.0.0.1:8000', weight: 100 })
    expect(
      (await api('POST /upstreams/up/targets', { json: { target: '10.0.0.1:8000' } })).body.code,
    ).toBe(5)
    const health = async () => (await api('GET /upstreams/up/health')).body.data[0].health
    expect(await health()).toBe('UNKNOWN')
    expect((await api('PUT /upstreams/up/targets/10.0.0.1:8000/unhealthy')).status).toBe(204)
    expect(await health()).toBe('UNHEALTHY')
    expect((await api('GET /upstreams/up/health?balancer_health=1')).body.data.health).toBe(
      'UNHEALTHY',
    )
    const fed = async () =>
      await control.call('configuration', {
        query: { after: -1, wait: 0, instance: 'gateway-1', applied: 0 },
      })
    expect((await fed()).overrides).toEqual([
      expect.objectContaining({ target: target.id, healthy: false }),
    ])
    await control.call('reportHealth', {
      body: { instance: 'gateway-1', targets: [{ target: target.id, health: 'HEALTHY' }] },
    })
    expect(await health()).toBe('HEALTHY')
    expect((await api('GET /upstreams/up/targets/all')).body.data).toHaveLength(1)
    expect((await api('DELETE /upstreams/up/targets/10.0.0.1:8000')).status).toBe(204)
    expect((await fed()).overrides).toEqual([])
    expect((await api('PATCH /upstreams/up', { json: { hash_on: 'header' } })).body).toMatchObject({
      code: 2,
    })
  })

  test('have maps that a change replaces, and records that it changes', async () => {
    await made('/routes', { name: 'mapped', paths: ['/m'], headers: { 'x-a': ['1'] } })
    const route = await api('PATCH /routes/mapped', { json: { headers: { 'x-b': ['2'] } } })
    expect(route.body.headers).toEqual({ 'x-b': ['2'] })
    const { id } = await made('/routes/mapped/plugins', {
      name: 'http-log',
      config: { http_endpoint: 'https://logs.test', headers: { authorization: 'a' } },
    })
    const plugin = await api(`PATCH /plugins/${id}`, {
      json: { config: { headers: { 'x-b': 'b' }, queue: { max_batch_size: 7 } } },
    })
    expect(plugin.body.config).toMatchObject({
      ...{ http_endpoint: 'https://logs.test', headers: { 'x-b': 'b' } },
      queue: { max_batch_size: 7, max_entries: 10_000 },
    })
    expect(plugin.body.config.headers).toEqual({ 'x-b': 'b' })
  })

  test('below a parent are its own', async () => {
    for (const username of ['parent-a', 'parent-b']) await made('/consumers', { username })
    const { id } = await made('/consumers/parent-b/key-auth', { key: 'of-b' })
    const answer = await api(`PATCH /consumers/parent-a/key-auth/${id}`, { json: { key: 'of-a' } })
    expect(answer.status).toBe(404)
    expect((await api(`GET /key-auths/${id}`)).body.key).toBe('of-b')
  })

  test('come in pages that hold still', async () => {
    for (let i = 0; i < 7; i++)
      await made('/consumers', {
        username: `page-${i}`,
        tags: ['page', i % 2 === 0 ? 'even' : 'odd'],
      })
    const names: string[] = []
    let path: string | null = '/consumers?size=3&tags=page'
    while (path !== null) {
      const { body } = await api(`GET ${path}`)
      names.push(...body.data.map((each: any) => each.username))
      path = body.next
      // One more before the end of the last page: it is found; nothing is skipped.
      if (names.length === 3) await api(`DELETE /consumers/${names[0]}`)
    }
    expect(names.toSorted()).toEqual(Array.from({ length: 7 }, (_, i) => `page-${i}`))
    const tagged = async (tags: string) =>
      (await api(`GET /consumers?tags=${tags}`)).body.data.length
    expect(await tagged('page,odd')).toBeGreaterThanOrEqual(2)
    expect([await tagged('even/odd'), await tagged('page,even,odd')]).toEqual([6, 0])
    expect((await api('GET /tags/odd')).body.data[0]).toEqual({
      tag: 'odd',
      entity_name: 'consumers',
      entity_id: expect.any(String),
    })
  })

  test('are described, and values for them checked', async () => {
    const { body } = await api('GET /schemas/services')
    expect(body.fields).toContainEqual({ retries: { type: 'integer', default: 5 } })
    expect(body.fields).toContainEqual({ host: { type: 'string', required: true } })
    expect(
      (await api('GET /schemas/plugins/rate-limiting')).body.fields.at(-1).config.fields,
    ).toContainEqual({ second: { type: 'number' } })
    expect((await api('GET /schemas/nonsense')).status).toBe(404)
    expect((await api('POST /schemas/services/validate', { json: { host: 'a' } })).body).toEqual({
      message: 'schema validation successful',
    })
    expect(
      (await api('POST /schemas/plugins/validate', { json: { name: 'rate-limiting' } })).body.code,
    ).toBe(2)
    expect((await api('GET /endpoints')).body.data).toContain('/services/{services}/routes')
    expect((await api('GET /')).body).toMatchObject({
      version: expect.stringMatching(/^3\./),
      plugins: { available_on_server: { jwt: {} } },
    })
  })
})

describe('the door', () => {
  const as = (headers: Record<string, string>) =>
    ask({ port: control.port, key: '' }, 'GET /status', { headers })
  test('wants a key, presented in one of three ways and in one only', async () => {
    const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
    const { key } = control
    const none = await ask({ port: control.port, key: 'x' }, 'GET /services', {})
    expect(none).toMatchObject({
      status: 401,
      body: { message: 'Unauthorized' },
      headers: { 'www-authenticate': 'Basic realm="countersign"' },
    })
    expect((await as({ 'kong-admin-token': key })).status).toBe(200)
    const raw = (headers: Record<string, string>) =>
      ask({ port: control.port, key: 'unused' }, 'GET /status', {
        headers: { 'kong-admin-token': '', ...headers },
      })
    for (const authorization of [basic(`anybody:${key}`), `Bearer ${key}`]) {
      const { status } = await askWithout(control.port, { authorization })
      expect(status).toBe(200)
    }
    expect((await askWithout(control.port, { authorization: basic(key) })).status).toBe(401)
    expect((await raw({ authorization: `Bearer ${key}` })).status).toBe(401)
    expect((await askWithout(control.port, {})).status).toBe(401)
  })
  test('knows its own names, and turns away pages of others', async () => {
    expect(await as({ 'kong-admin-token': control.key, host: 'evil.example' })).toMatchObject({
      status: 421,
    })
    expect((await as({ 'kong-admin-token': control.key, host: 'kong:8001' })).status).toBe(200)
    expect(
      (
        await as({
          'kong-admin-token': control.key,
          host: 'localhost',
          origin: 'https://evil.example',
        })
      ).status,
    ).toBe(403)
    expect(
      (await as({ 'kong-admin-token': control.key, 'sec-fetch-site': 'cross-site' })).status,
    ).toBe(403)
    const { headers } = await as({ 'kong-admin-token': control.key })
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([])
  })
  test('ends keys that were taken back, and bounds wrong ones', async () => {
    const { key } = await control.call('mintAdminKey')
    expect((await as({ 'kong-admin-token': key })).status).toBe(200)
    expect(await control.call('revokeAdminKeys', { body: { of: 'everybody' } })).toEqual({
      revoked: 2,
    })
    expect((await as({ 'kong-admin-token': key })).status).toBe(401)
    const statuses: number[] = []
    for (let i = 0; i < 60; i++)
      statuses.push((await as({ 'kong-admin-token': `csa_${'x'.repeat(43)}` })).status)
    expect(statuses).toContain(429)
    Object.assign(control, await control.call('mintAdminKey'))
    expect((await as({ 'kong-admin-token': control.key })).status).toBe(200)
    expect(control.events.find((event) => event.action === 'control.admin')).toMatchObject({
      status: 'refused',
      userId: null,
    })
  })
})

/** Without any header of ours. */
function askWithout(port: number, headers: Record<string, string>): Promise<{ status: number }> {
  return fetch(`http://127.0.0.1:${port}/status`, { headers }).then(({ status }) => ({ status }))
}
