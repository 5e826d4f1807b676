import { until } from '@countersign/ground/testkit'
import { describe, expect, it } from 'vitest'
import { kongConsumer, kongPlugin } from './testing/kong-entities.ts'
import { keyPlugin, testPlugin } from './testing/test-plugins.ts'
import { open, route, service, usePluginHouse } from './testing/use-plugin-house.ts'

const my = usePluginHouse()
const { at, start } = my
const headersOf = (values: readonly string[]): string[] =>
  values.map((name) => name.toLowerCase()).filter((_, i) => i % 2 === 0)

describe('a chain', () => {
  it('runs the most specific entity of each plugin, the higher priority first, around our own hinges', async () => {
    const alice = kongConsumer('alice')
    const key = { id: 'k', key: 'secret', ttl: null, consumer: { id: alice.id } }
    const names: readonly (readonly [string, number])[] = [
      ['a-late', 100],
      ['b-early', 2_000],
      ['c-middle', 950],
      ['d-middle', 950],
    ]
    const plugins = names.map(([name, priority]) => testPlugin(my.seen, name, priority))
    const everywhere = names.map(([name]) => kongPlugin(name, {}, { say: 'global' }))
    const { door } = await start([...plugins, keyPlugin(my.seen)], {
      consumers: [alice],
      keyauth_credentials: [key as never],
      plugins: [
        ...everywhere,
        kongPlugin('c-middle', { service }, { say: 'service' }),
        kongPlugin('c-middle', { route }, { say: 'route' }),
        kongPlugin('c-middle', { route, consumer: alice }, { say: 'alice here' }),
        kongPlugin('d-middle', { consumer: alice }, { say: 'alice' }),
        kongPlugin('b-early', { consumer: alice }, { say: 'too early' }),
        { ...kongPlugin('a-late', { route }, { say: 'off' }), enabled: false },
        kongPlugin('test-key', { route }),
      ],
    })
    expect((await at(door, '/reports', { headers: { 'x-key': 'secret' } })).status).toBe(200)
    expect(my.seen.order).toEqual([
      'b-early global',
      'c-middle alice here',
      'd-middle alice',
      'a-late global',
    ])
    my.seen.order.length = 0
    // Nobody is known: no chain below the refusal is asked.
    const refused = await at(door, '/reports', { headers: { 'x-key': 'wrong' } })
    expect(refused.json()).toMatchObject({ status: 401, message: 'No API key found in request' })
    expect(my.seen.order).toEqual(['b-early global'])
    const event = door.events.find((each) => each.event.code === 'TOKEN_MISSING')
    expect(event?.countersign?.rule).toMatch(
      /^plugin test-key \(.+\) on route reports \(.+\): no key$/,
    )
    my.seen.order.length = 0
    expect((await at(door, '/open')).status).toBe(200)
    expect(my.seen.order).toEqual([
      'b-early global',
      'c-middle service',
      'd-middle global',
      'a-late global',
    ])
    my.seen.order.length = 0
    // On the route of a contract what stands everywhere runs, too; whoever is refused by the contract never gets to the rest.
    expect((await at(door, '/orders/7')).status).toBe(401)
    expect(my.seen.order).toEqual(['b-early global'])
    expect((await at(door, '/orders/7', { token: my.house.tokens.token() })).status).toBe(200)
    expect(my.seen.order).toHaveLength(5)
  })

  it('says who asks to the service, under names that no client can use', async () => {
    const alice = kongConsumer('älice', { custom_id: 'a-1' })
    const key = { id: 'key-1', key: 'secret', ttl: null, consumer: { id: alice.id } }
    const mischief = testPlugin(my.seen, 'mischief', 900, () => ({
      access({ upstream: { headers } }) {
        headers.set('X-Consumer-Username', 'root')
        headers.set('X-Forwarded-For', '10.0.0.1')
        headers.set('X-Set', 'by plugin')
        headers.remove('X-Gone')
      },
    }))
    const { door, legacy } = await start([keyPlugin(my.seen), mischief], {
      consumers: [alice],
      keyauth_credentials: [key as never],
      acls: [{ id: 'g', consumer: { id: alice.id }, group: 'readers' } as never],
      plugins: [kongPlugin('test-key', { route }), kongPlugin('mischief')],
    })
    const headers = {
      ...{ 'x-key': 'secret', 'x-consumer-id': 'me', X_Consumer_Groups: 'admins', 'x-gone': '1' },
      'X-Credential-Identifier': 'mine',
    }
    expect((await at(door, '/reports', { headers })).status).toBe(200)
    expect(legacy.seen.at(-1)?.headers).toMatchObject({
      'x-consumer-id': alice.id,
      'x-consumer-custom-id': 'a-1',
      'x-consumer-username': Buffer.from('älice').toString('latin1'),
      'x-credential-identifier': 'key-1',
      'x-consumer-groups': 'readers',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-path': '/reports',
      'x-forwarded-prefix': '/reports',
      'x-set': 'by plugin',
      host: 'legacy',
    })
    const names = headersOf(legacy.seen.at(-1)?.rawHeaders ?? [])
    expect(names.filter((name) => /consumer|credential/.test(name)).sort()).toEqual([
      'x-consumer-custom-id',
      'x-consumer-groups',
      'x-consumer-id',
      'x-consumer-username',
      'x-credential-identifier',
    ])
    expect(names).not.toContain('x-gone')
    // Whoever was proven by a plugin is on record.
    await at(door, '/reports', { method: 'DELETE', headers: { 'x-key': 'secret' } })
    const event = door.events.find((each) => each.status === 'success')
    expect(event).toMatchObject({ userId: alice.id, user: { name: 'älice' } })
    expect(event?.countersign?.rule).toMatch(/^route reports .*; plugin test-key .*consumer älice$/)
  })

  it('never widens a contract: a person that a plugin states is nobody there', async () => {
    const admin = { id: 'x', name: 'x', roles: ['admin'], clientId: undefined, tokenId: undefined }
    const claim = testPlugin(my.seen, 'claim', 1_000, () => ({
      access: (asked) => asked.authenticated({ person: admin }),
    }))
    const { door, legacy } = await start([claim], { plugins: [kongPlugin('claim')] })
    const token = my.house.tokens.token()
    expect((await at(door, '/orders/7', { token, method: 'DELETE' })).json()).toMatchObject({
      status: 403,
      code: 'ROLE_MISSING',
    })
    expect((await at(door, '/orders')).status).toBe(401)
    // It does not authenticate as far as the gateway knows: a token is required on a route of an operator, too.
    expect((await at(door, '/reports')).status).toBe(401)
    expect(legacy.seen).toEqual([])
  })

  it('leaves the login alone, whatever stands everywhere', async () => {
    const identity = await my.house.service('identity-1')
    const { door } = await start([keyPlugin(my.seen), testPlugin(my.seen, 'early', 2_000)], {
      plugins: [
        ...[kongPlugin('test-key'), kongPlugin('early')],
        kongPlugin('acl', {}, { allow: ['admin'] }),
        kongPlugin('request-termination', {}, { status_code: 503 }),
      ],
    })
    expect((await at(door, '/auth/login')).status).toBe(200)
    expect([identity.seen.length, my.seen.order]).toEqual([1, ['early hello']])
    expect((await at(door, '/orders/7', { token: my.house.tokens.token() })).status).toBe(401)
  })

  it('ends with 500 where a plugin fails: nothing goes on, and nothing is told', async () => {
    const broken = testPlugin(my.seen, 'broken', 1_000, ({ say }) => ({
      access: () =>
        say === 'later'
          ? Promise.reject(new Error('canary'))
          : (JSON.parse('canary{') as undefined),
    }))
    const { door, legacy } = await start([broken], {
      plugins: [
        kongPlugin('broken', { route }, { say: 'later' }),
        kongPlugin('broken', { route: open }),
      ],
    })
    for (const path of ['/reports', '/open']) {
      const answer = await at(door, path, { token: my.house.tokens.token() })
      expect(answer.json()).toMatchObject({ status: 500, message: 'An unexpected error occurred' })
      expect(answer.body).not.toContain('canary')
    }
    expect(legacy.seen).toEqual([])
    expect(door.logLines.filter((line) => line.includes('plugin broken'))).toHaveLength(2)
  })
})

describe('a change of the configuration', () => {
  it('drops no request, and closes old instances when their last request has ended', async () => {
    const mark = testPlugin(my.seen, 'mark', 800, ({ say }) => ({
      head: ({ headers }) => headers.set('x-mark', say),
    }))
    const { door, legacy } = await start([mark], {
      plugins: [kongPlugin('mark', {}, { say: 'one' })],
    })
    const waiting: (() => void)[] = []
    legacy.handler = (_seen, response) => void waiting.push(() => response.end('{}'))
    const under = at(door, '/open')
    await until(() => waiting.length === 1, 'one is under way')
    await my.house.configure({
      ...{ services: [service], routes: [open] },
      plugins: [kongPlugin('mark', {}, { say: 'two' })],
    })
    legacy.handler = (_seen, response) => void response.end('{}')
    expect((await at(door, '/open')).headers['x-mark']).toBe('two')
    expect(my.seen.closed).toEqual([])
    waiting[0]?.()
    expect((await under).headers['x-mark']).toBe('one')
    await until(() => my.seen.closed.length > 0, 'the old one is closed')
    expect(my.seen.closed).toEqual(['mark one'])
    let going = true
    const statuses = new Set<number>()
    const steady = Array.from({ length: 4 }, async () => {
      while (going) statuses.add((await at(door, '/open')).status)
    })
    for (let i = 0; i < 20; i++)
      await my.house.configure({
        ...{ services: [service], routes: [open] },
        plugins: [kongPlugin('mark', {}, { say: `n${i}` })],
      })
    going = false
    await Promise.all(steady)
    // Limits hold all the while: 429 is an answer of the route.
    expect([...statuses].filter((status) => status !== 200 && status !== 429)).toEqual([])
    await until(() => my.seen.closed.length === 21, 'all but the last are closed')
  })
})
