import { describe, expect, test } from 'vitest'
import { useAdminApi } from './testing/use-admin-api.ts'

const admin = useAdminApi()
const { api, made } = admin
const NOBODY = '00000000-0000-4000-8000-000000000000'

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
      await admin.control.call('configuration', {
        query: { after: -1, wait: 0, instance: 'gateway-1', applied: 0 },
      })
    expect((await fed()).overrides).toEqual([
      expect.objectContaining({ target: target.id, healthy: false }),
    ])
    await admin.control.call('reportHealth', {
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
