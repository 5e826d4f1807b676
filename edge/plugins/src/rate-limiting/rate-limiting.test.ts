import { Refusal } from '@countersign/layers'
import { expect, test } from 'vitest'
import { FakeRequest, type Given, ROUTE } from '../testing/exchange.ts'
import { placeOf, testTools } from '../testing/tools.ts'
import { rateLimiting } from './rate-limiting.ts'

const parse = (config: object) => rateLimiting.schema.parse(config)
const faults = (config: object) =>
  rateLimiting.schema
    .safeParse(config)
    .error?.issues.map(({ path, message }) => ({ path, message }))

function limited(config: object, tools = testTools()) {
  const instance = rateLimiting.create(parse(config), placeOf(tools))
  const ask = async (given: Given = {}) => {
    const asked = new FakeRequest(given)
    let refusal: Refusal | undefined
    try {
      await instance.access?.(asked)
    } catch (thrown) {
      if (!(thrown instanceof Refusal)) throw thrown
      refusal = thrown
    }
    return { refusal, header: (name: string) => asked.answerHeaders.get(name) }
  }
  return { tools, ask, passes: async (given?: Given) => (await ask(given)).refusal === undefined }
}

test("fills in what Kong's GET shows", () => {
  expect(parse({ minute: 5 })).toEqual({
    second: null,
    minute: 5,
    hour: null,
    day: null,
    month: null,
    year: null,
    limit_by: 'consumer',
    header_name: null,
    path: null,
    policy: 'local',
    fault_tolerant: true,
    hide_client_headers: false,
    error_code: 429,
    error_message: 'API rate limit exceeded',
    sync_rate: -1,
    redis: {
      host: null,
      port: 6379,
      timeout: 2000,
      username: null,
      password: null,
      database: 0,
      ssl: false,
      ssl_verify: false,
      server_name: null,
    },
  })
})

test('understands the old spelling of redis, and keeps no password', () => {
  const { redis } = parse({
    second: 5,
    hour: 1000,
    policy: 'redis',
    redis_host: 'redis-host',
    redis_port: 6380,
    redis_ssl: true,
    redis_database: 2,
    redis_password: 'secret',
  })
  expect(redis).toMatchObject({ host: 'redis-host', port: 6380, ssl: true, database: 2 })
  expect(redis.password).toBeNull()
  expect(parse({ second: 1, redis: { host: 'a', password: 'b' }, redis_host: 'c' }).redis).toEqual(
    expect.objectContaining({ host: 'a', password: null }),
  )
})

test("says what is wrong in Kong's words", () => {
  expect(faults({ hour: 5, second: 10 })).toEqual([
    {
      path: [],
      message: 'The limit for hour(5.0) cannot be lower than the limit for second(10.0)',
    },
  ])
  expect(faults({})?.[0]?.message).toBe(
    "at least one of these fields must be non-empty: 'config.second', 'config.minute', 'config.hour', 'config.day', 'config.month', 'config.year'",
  )
  expect(faults({ second: 0 })?.[0]).toEqual({
    path: ['second'],
    message: 'value must be greater than 0',
  })
  expect(faults({ second: 1, policy: 'redis' })).toEqual([
    { path: ['redis', 'host'], message: 'required field missing' },
  ])
  expect(faults({ second: 1, limit_by: 'header' })?.[0]?.path).toEqual(['header_name'])
  expect(faults({ second: 1, limit_by: 'path' })?.[0]?.path).toEqual(['path'])
  expect(faults({ second: 1, sync_rate: 0.001 })?.[0]?.path).toEqual(['sync_rate'])
  expect(faults({ second: 1, limits: 3 })).toHaveLength(1)
})

test("tells where a client stands, in Kong's headers and in those of the IETF", async () => {
  const { ask } = limited({ second: 2, hour: 1000 })
  const { header } = await ask()
  expect(header('X-RateLimit-Limit-Second')).toBe('2')
  expect(header('X-RateLimit-Remaining-Second')).toBe('1')
  expect(header('X-RateLimit-Limit-Hour')).toBe('1000')
  expect(header('X-RateLimit-Remaining-Hour')).toBe('999')
  expect(header('RateLimit-Limit')).toBe('2')
  expect(header('RateLimit-Remaining')).toBe('1')
  expect(header('RateLimit-Reset')).toBe('1')
  expect(header('RateLimit-Policy')).toBe('"second";q=2;w=1, "hour";q=1000;w=3600')
  expect(header('RateLimit')).toBe('"second";r=1;t=1, "hour";r=999;t=3600')
  expect(header('Retry-After')).toBeUndefined()
})

test('with as little left in two periods, the longer one is told', async () => {
  const { ask } = limited({ second: 5, hour: 5 })
  expect((await ask()).header('RateLimit-Reset')).toBe('3600')
})

test('months and years are those of the calendar', async () => {
  const { ask, tools } = limited({ month: 2, year: 3 })
  tools.nowMs = Date.UTC(2028, 1, 10) // of 29 days
  const { header } = await ask()
  expect(header('X-RateLimit-Remaining-Month')).toBe('1')
  expect(header('RateLimit-Policy')).toContain(`"month";q=2;w=${29 * 86_400}`)
  expect(header('RateLimit-Reset')).toBe(String(20 * 86_400))
  await ask()
  expect((await ask()).header('Retry-After')).toBe(String(20 * 86_400))
  tools.nowMs = Date.UTC(2028, 2, 1)
  expect((await ask()).refusal).toBeUndefined()
  const last = await ask()
  expect(last.refusal?.facts.rule).toContain('3/year')
  expect(last.header('Retry-After')).toBe(String(306 * 86_400))
})

test('refuses what is over the limit, which uses nothing up', async () => {
  const { ask, tools } = limited({ second: 1, hour: 3 })
  expect((await ask()).refusal).toBeUndefined()
  const { refusal, header } = await ask()
  expect(refusal?.code).toBe('RATE_LIMITED')
  expect(refusal?.status).toBe(429)
  expect(refusal?.facts.message).toBe('API rate limit exceeded')
  expect(header('Retry-After')).toBe('1')
  expect(header('X-RateLimit-Remaining-Hour')).toBe('2')
  for (let i = 0; i < 50; i++) await ask()
  for (let i = 0; i < 2; i++) {
    tools.nowMs += 1_000
    expect((await ask()).refusal).toBeUndefined()
  }
  tools.nowMs += 1_000
  const last = await ask()
  expect(last.refusal?.facts.rule).toContain('3/hour')
  expect(last.header('Retry-After')).toBe(String(3_600 - 3))
})

test('refuses with the code and text of the operator, and hides its headers', async () => {
  const { ask } = limited({
    second: 1,
    error_code: 420,
    error_message: 'Slow down',
    hide_client_headers: true,
  })
  await ask()
  const { refusal, header } = await ask()
  expect([refusal?.status, refusal?.facts.message]).toEqual([420, 'Slow down'])
  for (const name of ['Retry-After', 'RateLimit', 'X-RateLimit-Limit-Second'])
    expect(header(name)).toBeUndefined()
})

test('counts by who asks, else by address; all of a /64 are one (B21)', async () => {
  const person = (id: string, tokenId: string) => ({
    person: { id, name: undefined, roles: [], clientId: undefined, tokenId },
  })
  const { passes } = limited({ hour: 1 })
  expect(await passes(person('ada', 'token-1'))).toBe(true)
  expect(await passes(person('ada', 'token-2'))).toBe(false)
  expect(await passes(person('bob', 'token-3'))).toBe(true)
  const from = (address: string, headers: string[] = []) => ({ headers, client: { address } })
  expect(await passes(from('192.0.2.1'))).toBe(true)
  expect(await passes(from('192.0.2.1', ['X-Forwarded-For', '198.51.100.9']))).toBe(false)
  expect(await passes(from('2001:db8:0:1::1'))).toBe(true)
  expect(await passes(from('2001:db8:0:1:ffff::2'))).toBe(false)
})

test('counts by header, path, service and credential; other values than the named fall to the address', async () => {
  const byHeader = limited({ hour: 1, limit_by: 'header', header_name: 'X-Team' })
  expect(await byHeader.passes({ headers: ['x-team', '192.0.2.7'] })).toBe(true)
  expect(await byHeader.passes({ headers: ['X-Team', '192.0.2.7'] })).toBe(false)
  expect(await byHeader.passes({})).toBe(true) // the address of that name is somebody else
  expect(await byHeader.passes({ headers: ['x-team', 'y'.repeat(500)] })).toBe(true)
  expect(await byHeader.passes({ headers: ['x-team', `${'y'.repeat(499)}z`] })).toBe(true)

  const byPath = limited({ hour: 1, limit_by: 'path', path: '/orders' })
  expect(await byPath.passes({ client: { address: '192.0.2.1' } })).toBe(true)
  expect(await byPath.passes({ client: { address: '192.0.2.2' } })).toBe(false)
  expect(await byPath.passes({ path: '/other' })).toBe(true)

  const byService = limited({ hour: 1, limit_by: 'service' })
  expect(await byService.passes({ client: { address: '192.0.2.1' } })).toBe(true)
  expect(await byService.passes({ client: { address: '192.0.2.2' } })).toBe(false)

  const byCredential = limited({ hour: 1, limit_by: 'credential' })
  expect(await byCredential.passes({ credentialId: 'a' })).toBe(true)
  expect(await byCredential.passes({ credentialId: 'b' })).toBe(true)
  expect(await byCredential.passes({ credentialId: 'a' })).toBe(false)
})

test('entities of different places count apart', async () => {
  const tools = testTools()
  const config = parse({ hour: 1 })
  const here = rateLimiting.create(config, placeOf(tools))
  const there = rateLimiting.create(
    config,
    placeOf(tools, { route: { ...ROUTE, id: '5f0c4f24-1f0a-4b0e-9a52-0a7c3f3b8f99' } }),
  )
  await here.access?.(new FakeRequest())
  await there.access?.(new FakeRequest())
  await expect(async () => here.access?.(new FakeRequest())).rejects.toThrow(Refusal)
})
