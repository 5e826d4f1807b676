import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { kongPlugin, kongUpstream } from './testing/kong-entities.ts'
import { counts, from, Shop } from './testing/shop.ts'

let shop: Shop
beforeEach(async () => {
  shop = await Shop.build()
})
afterEach(() => shop.close())

describe('a target that fails', () => {
  it('is left out, comes back by a probe, and gets its share back slowly', async () => {
    const upstream = kongUpstream('shops')
    const { all, targets } = await shop.behind(upstream, [100, 100], { service: { retries: 0 } })
    const [bad] = all
    if (bad === undefined) throw new Error('no server')
    // Taken and hung up: connections work, so its checks have nothing to say.
    bad.handler = (request) => request.socket.destroy()
    const failing = counts(await shop.names(40))
    expect(failing[502]).toBe(5)
    await shop.told(targets, 'UNHEALTHY,HEALTHY')
    bad.handler = undefined
    expect(counts(await shop.names(10))).toEqual({ 'target-1': 10 })
    shop.now += 600
    // One probe, and then a tenth of its share.
    const back = counts(await shop.names(22))
    expect(back['target-0']).toBeGreaterThan(0)
    expect(back['target-0']).toBeLessThan(7)
    shop.now += 20_000
    expect(counts(await shop.names(20))).toEqual({ 'target-0': 10, 'target-1': 10 })
    await shop.told(targets, 'HEALTHY,HEALTHY')
  })
  it('by the statuses that Kong counts is left out, however well it answers', async () => {
    const unhealthy = { http_statuses: [500], tcp_failures: 0, timeouts: 0, http_failures: 3 }
    const healthy = { http_statuses: [200], successes: 2 }
    const upstream = kongUpstream('shops', {}, { passive: { type: 'http', healthy, unhealthy } })
    const { all } = await shop.behind(upstream, [100, 100])
    const [bad] = all
    if (bad === undefined) throw new Error('no server')
    bad.status = 500
    expect(counts(await shop.names(20))[500]).toBe(3)
    shop.now += 600
    // Each probe that shows the same shuts it for longer.
    expect(counts(await shop.names(10))[500]).toBe(1)
    bad.status = 200
    shop.now += 600
    expect(counts(await shop.names(10))['target-0']).toBeUndefined()
    shop.now += 600
    expect(counts(await shop.names(10))['target-0']).toBeGreaterThan(1)
  })
  it('is found by checks before a request is', async () => {
    const fast = { interval: 0.1, http_statuses: [200], successes: 1 }
    const slow = {
      interval: 0.1,
      http_statuses: [500],
      http_failures: 2,
      tcp_failures: 1,
      timeouts: 1,
    }
    const active = {
      type: 'http',
      http_path: '/health',
      headers: { 'x-check': ['yes'] },
      healthy: fast,
      unhealthy: slow,
    }
    const upstream = kongUpstream('shops', {}, { active })
    const { all, targets } = await shop.behind(upstream, [100, 100])
    const [bad, good] = all
    if (bad === undefined || good === undefined) throw new Error('no server')
    bad.status = 500
    await shop.told(targets, 'UNHEALTHY,HEALTHY')
    expect(bad.seen.find(({ url }) => url === '/health')?.headers).toMatchObject({
      'x-check': 'yes',
    })
    expect(counts(await shop.names(10))).toEqual({ 'target-1': 10 })
    expect(bad.asked).toBe(0)
    bad.status = 200
    good.kill()
    await shop.told(targets, 'HEALTHY,UNHEALTHY')
    expect(counts(await shop.names(5))).toEqual({ 'target-0': 5 })
    const state = [...shop.house.control.health.values()]
      .flat()
      .map(({ addresses = [] }) => addresses[0]?.health)
    expect(state).toEqual(['HEALTHY', 'UNHEALTHY'])
  })
  it('without configured checks is found by its connections all the same', async () => {
    const { all, targets } = await shop.behind(kongUpstream('shops'), [100, 100])
    all[0]?.kill()
    await shop.told(targets, 'UNHEALTHY,HEALTHY')
    expect(counts(await shop.names(4))).toEqual({ 'target-1': 4 })
    await all[0]?.listen()
    await shop.told(targets, 'HEALTHY,HEALTHY')
  })
  it('takes the others along where too few of them are left', async () => {
    const upstream = kongUpstream('shops', {}, { threshold: 60 })
    const { config, targets } = await shop.behind(upstream, [100, 100])
    const [first] = targets
    if (first === undefined) throw new Error('no target')
    const said = { target: first.id, upstream: upstream.id, healthy: false, at: 1 }
    await shop.house.configure(config, [said])
    expect((await shop.get('/shop')).json()).toMatchObject({ status: 503, code: 'NO_INSTANCE' })
    expect(from(await shop.get('/shop'))).toBe(503)
  })
  it('is what an operator says, until the operator says otherwise', async () => {
    const upstream = kongUpstream('shops')
    const { config, targets } = await shop.behind(upstream, [100, 100])
    const [first] = targets
    if (first === undefined) throw new Error('no target')
    const said = { target: first.id, upstream: upstream.id, healthy: false, at: 1 }
    await shop.house.configure(config, [said])
    expect(counts(await shop.names(4))).toEqual({ 'target-1': 4 })
    await shop.told(targets, 'UNHEALTHY,HEALTHY')
    const plugins = [
      ...(config.plugins ?? []),
      kongPlugin('prometheus', {}, { upstream_health_metrics: true }),
    ]
    await shop.house.configure({ ...config, plugins }, [said])
    const metrics = await shop.door.metrics.text()
    const labels = `upstream="shops",target="${first.target}",address="${first.target}"`
    expect(metrics).toContain(
      `kong_upstream_target_health{${labels},state="unhealthy",subsystem="http"} 1`,
    )
    await shop.house.configure(config, [{ ...said, healthy: true, at: 2 }])
    expect(counts(await shop.names(20))['target-0']).toBeGreaterThan(0)
  })
})
