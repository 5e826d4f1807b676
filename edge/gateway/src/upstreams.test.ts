import { Agent } from 'node:https'
import { until } from '@countersign/ground/testkit'
import type { Upstream } from '@countersign/kong'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Ask } from './testing/client.ts'
import {
  kongConsumer,
  kongPlugin,
  kongRoute,
  kongTarget,
  kongUpstream,
} from './testing/kong-entities.ts'
import { counts, farLimit, from, plainTo, routed, Shop } from './testing/shop.ts'
import { keyPlugin, Seen } from './testing/test-plugins.ts'

let shop: Shop
beforeEach(async () => {
  shop = await Shop.build()
})
afterEach(() => shop.close())

describe('the targets of an upstream', () => {
  it('take turns by their weights; one of weight 0 drains', async () => {
    const upstream = kongUpstream('shops')
    const { config, targets } = await shop.behind(upstream, [100, 300, 0])
    const found = await shop.names(40)
    expect(counts(found)).toEqual({ 'target-0': 10, 'target-1': 30 })
    // Smooth: the heavier one never gets all of its three in four at a stretch longer than that.
    expect(found.join(' ')).not.toContain('target-1 target-1 target-1 target-1')
    const turned = targets.map((each, i) => ({ ...each, weight: i === 2 ? 100 : 0 }))
    await shop.house.configure({ ...config, targets: turned })
    expect(counts(await shop.names(5))).toEqual({ 'target-2': 5 })
  })
  it('are told who is meant as Kong says it: target, host_header, or what the client said', async () => {
    const upstream = kongUpstream('shops')
    const { all, config, targets } = await shop.behind(upstream, [100])
    await shop.get('/shop')
    const named = { ...upstream, host_header: 'shop.example' }
    await shop.house.configure({ ...config, upstreams: [named], targets })
    await shop.get('/shop')
    const [route] = config.routes ?? []
    if (route === undefined) throw new Error('no route')
    const routes = [{ ...route, preserve_host: true }]
    await shop.house.configure({ ...config, routes, upstreams: [named], targets })
    await shop.get('/shop', { headers: { host: 'localhost' } })
    expect(all[0]?.seen.map(({ headers }) => headers.host)).toEqual([
      all[0]?.target,
      'shop.example',
      'localhost',
    ])
  })
  it('with least connections get what the others are too busy for', async () => {
    const upstream = kongUpstream('shops', { algorithm: 'least-connections' })
    const { all } = await shop.behind(upstream, [100, 100])
    const held: (() => void)[] = []
    for (const server of all)
      server.handler = (request, response) => {
        const answer = () => void response.end(JSON.stringify({ from: server.name }))
        if (request.url === '/held') held.push(answer)
        else answer()
      }
    const waiting = shop.get('/shop/held')
    await until(() => held.length === 1, 'the first request is there')
    const busy = all.find(({ asked }) => asked === 1)
    const free = all.find((server) => server !== busy)
    expect(counts(await shop.names(6))).toEqual({ [String(free?.name)]: 6 })
    held[0]?.()
    expect(from(await waiting)).toBe(busy?.name)
    expect(Object.keys(counts(await shop.names(6)))).toHaveLength(2)
  })
  it('with latency get what they answer soonest', async () => {
    const upstream = kongUpstream('shops', { algorithm: 'latency' })
    const { all } = await shop.behind(upstream, [100, 100])
    const slow = all[0]
    if (slow === undefined) throw new Error('no server')
    slow.handler = (_request, response) =>
      void setTimeout(() => response.end(JSON.stringify({ from: slow.name })), 1_500)
    expect(counts(await shop.names(7))).toEqual({ 'target-0': 1, 'target-1': 6 })
  })
})

describe('consistent hashing', () => {
  const hashing = (more: Partial<Upstream>): Upstream =>
    kongUpstream('shops', { algorithm: 'consistent-hashing', ...more })
  const by = (i: number): Partial<Ask> => ({ headers: { 'x-user': `user-${i}` } })

  it('binds by a header, moves only the share of who is gone, and takes turns where there is none', async () => {
    const upstream = hashing({ hash_on: 'header', hash_on_header: 'X-User' })
    const { all, config, targets } = await shop.behind(upstream, [100, 100, 100])
    const before = new Map<number, unknown>()
    for (let i = 0; i < 30; i++) before.set(i, from(await shop.get('/shop', by(i))))
    expect(new Set(before.values()).size).toBe(3)
    for (let i = 0; i < 30; i++) expect(from(await shop.get('/shop', by(i)))).toBe(before.get(i))
    await shop.house.configure({ ...config, targets: targets.slice(0, 2) })
    for (let i = 0; i < 30; i++) {
      const at = from(await shop.get('/shop', by(i)))
      if (before.get(i) !== 'target-2') expect(at).toBe(before.get(i))
      else expect(['target-0', 'target-1']).toContain(at)
    }
    expect(counts(await shop.names(10))).toEqual({ 'target-0': 5, 'target-1': 5 })
    // Who is bound to a target that does not answer goes to the next one, and comes to no harm.
    all[0]?.kill()
    for (let i = 0; i < 10; i++) expect(from(await shop.get('/shop', by(i)))).toBe('target-1')
  })
  it('binds by a cookie, and gives one to who has none', async () => {
    await shop.behind(hashing({ hash_on: 'cookie', hash_on_cookie: 'stick' }), [100, 100, 100])
    const first = await shop.get('/shop')
    const [cookie = ''] = [first.headers['set-cookie'] ?? ''].flat()
    expect(cookie).toMatch(/^stick=[0-9a-f-]{36}; Path=\/; Secure; HttpOnly; SameSite=Lax$/)
    const again = { headers: { cookie: `a=b; ${cookie.split(';')[0]}` } }
    for (let i = 0; i < 5; i++) {
      const answer = await shop.get('/shop', again)
      expect(from(answer)).toBe(from(first))
      expect(answer.headers['set-cookie']).toBeUndefined()
    }
  })
  it('binds by argument, path, address, capture and consumer', async () => {
    const upstream = hashing({ hash_on: 'query_arg', hash_on_query_arg: 'user' })
    const servers = await Promise.all([0, 1, 2].map((i) => shop.plain(`target-${i}`)))
    const targets = servers.map(({ target }) => kongTarget(upstream, target))
    await shop.open({}, [keyPlugin(new Seen())])
    const service = plainTo(upstream)
    const alice = kongConsumer('alice')
    const key = { id: 'k', key: 'secret', ttl: null, consumer: { id: alice.id } }
    const routes = [
      kongRoute(service, { paths: ['/shop'], tags: ['public'] }),
      kongRoute(service, { paths: ['~/u/(?<user>[a-z0-9]+)'], tags: ['public'] }),
    ]
    const keyed = kongRoute(service, { name: 'keyed', paths: ['/keyed'] })
    const use = (more: Partial<Upstream>) =>
      shop.house.configure({
        ...routed(service, { upstreams: [{ ...upstream, ...more }], targets }),
        routes: [...routes, keyed],
        consumers: [alice],
        keyauth_credentials: [key as never],
        plugins: [kongPlugin('test-key', { route: keyed }), farLimit()],
      })
    const bound = async (paths: readonly string[], more: Partial<Ask> = {}): Promise<number> => {
      // On kept connections: some hundred handshakes take a busy machine longer than a test may.
      const agent = new Agent({ keepAlive: true, maxSockets: 4 })
      const answers = await Promise.all(paths.map((path) => shop.get(path, { agent, ...more })))
      agent.destroy()
      return new Set(answers.map(from)).size
    }
    // So many that none of three is left out by chance, wherever its port puts it on the ring.
    const keys = Array.from({ length: 60 }, (_, i) => `k${i}`)
    await use({})
    expect(await bound(keys.map((each) => `/shop?user=${each}`))).toBe(3)
    expect(await bound(keys.map((each) => `/shop?user=a&x=${each}`))).toBe(1)
    await use({ hash_on: 'path' })
    expect(await bound(keys.map((each) => `/shop/${each}`))).toBe(3)
    expect(await bound(keys.map((each) => `/shop/a?x=${each}`))).toBe(1)
    await use({ hash_on: 'ip' })
    expect(await bound(keys.map((each) => `/shop/${each}`))).toBe(1)
    await use({ hash_on: 'uri_capture', hash_on_uri_capture: 'user' })
    expect(await bound(keys.map((each) => `/u/${each}`))).toBe(3)
    expect(await bound(keys.map((each) => `/u/a/${each}`))).toBe(1)
    await use({ hash_on: 'consumer', hash_fallback: 'query_arg', hash_fallback_query_arg: 'user' })
    const known = { headers: { 'x-key': 'secret' } }
    expect(
      await bound(
        keys.map((each) => `/keyed?user=${each}`),
        known,
      ),
    ).toBe(1)
    expect(await bound(keys.map((each) => `/shop?user=${each}`))).toBe(3)
  })
})
