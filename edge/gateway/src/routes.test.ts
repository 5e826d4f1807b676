import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { contract, describe as describeContract, endpoint } from '@countersign/contract'
import { temporaryFolder, until } from '@countersign/ground/testkit'
import { EMPTY_CONFIG } from '@countersign/kong'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Answer, type Ask, ask } from './testing/client.ts'
import { kongPlugin, kongRoute, kongService } from './testing/kong-entities.ts'
import { House, identityMount, order, type Running } from './testing/house.ts'

let house: House
beforeEach(async () => {
  house = await House.build()
})
afterEach(() => house.close())
const at = (door: Running, path: string, more: Partial<Ask> = {}): Promise<Answer> =>
  ask({ port: door.port, ca: house.pki.bundle, path, ...more })

describe('routes', () => {
  const hello = describeContract(
    contract('hello', {
      greet: endpoint({
        at: 'GET /hello/:name',
        callers: ['gateway'],
        roles: 'stranger',
        limit: '1000/second per address',
      }),
      grab: endpoint({
        at: 'GET /orders/mine',
        callers: ['gateway'],
        roles: 'stranger',
        limit: '1000/second per address',
      }),
    }),
  )
  it('of a new service are there without a restart, and no change drops a request', async () => {
    await house.service('order-1')
    const door = await house.gateway()
    expect((await at(door, '/hello/you')).status).toBe(404)
    let going = true
    const statuses = new Set<number>()
    const steady = (async () => {
      const token = house.tokens.token()
      while (going) statuses.add((await at(door, '/orders/7', { token })).status)
    })()
    await house.service('hello-1')
    for (let i = 0; i < 20; i++) {
      house.contracts.set(i % 2 === 0 ? [hello, order, identityMount] : [order, identityMount])
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    house.contracts.set([hello, order, identityMount])
    expect((await at(door, '/hello/you')).status).toBe(200)
    going = false
    await steady
    expect(statuses).toEqual(new Set([200]))
  })
  it('stay with their first owner', async () => {
    const one = await house.service('order-1')
    await house.service('hello-1')
    const door = await house.gateway()
    house.contracts.set([hello, order, identityMount])
    expect((await at(door, '/orders/mine')).status).toBe(401)
    await at(door, '/orders/mine', { token: house.tokens.token() })
    expect(one.seen.at(-1)?.url).toBe('/orders/mine')
    expect(door.logLines.join('')).toContain('hello.grab of order')
  })

  it('of operators come from the control plane, closed and limited where nothing else is said', async () => {
    const legacy = await house.service('legacy-1')
    await house.service('order-1')
    const door = await house.gateway()
    const service = kongService('legacy', { path: '/v1' })
    const routes = [
      kongRoute(service, { name: 'reports', paths: ['/reports'] }),
      kongRoute(service, {
        name: 'health',
        paths: ['/health'],
        methods: ['GET'],
        tags: ['public'],
        strip_path: false,
      }),
      kongRoute(service, { name: 'login', paths: ['/auth'], tags: ['public'] }),
      kongRoute(service, { name: 'orders', paths: ['/orders'], hosts: ['shop.test'] }),
    ]
    await house.configure({ services: [service], routes })
    expect((await at(door, '/reports/7')).json()).toMatchObject({
      status: 401,
      code: 'TOKEN_MISSING',
    })
    const token = house.tokens.token()
    const answer = await at(door, '/reports/7?a=b', { token })
    expect(answer.status).toBe(200)
    expect(answer.headers['x-ratelimit-limit-second']).toBe('100')
    expect(legacy.seen.at(-1)).toMatchObject({
      url: '/v1/7?a=b',
      headers: { authorization: `Bearer ${token}` },
    })
    const large = await at(door, '/reports', { token, method: 'POST', body: 'x'.repeat(1_100_000) })
    expect(large.json()).toMatchObject({ status: 413, code: 'BODY_TOO_LARGE' })
    expect((await at(door, '/health')).status).toBe(200)
    expect(legacy.seen.at(-1)?.url).toBe('/v1/health')
    expect((await at(door, '/health', { method: 'POST' })).json()).toMatchObject({
      status: 404,
      message: 'no Route matched with those values',
      request_id: expect.any(String),
    })
    expect((await at(door, '/reportsX', { token })).status).toBe(404)
    // The platform's own paths are nobody else's.
    const seen = legacy.seen.length
    expect((await at(door, '/auth/login')).status).toBe(503)
    expect(legacy.seen.length).toBe(seen)
    // A host of an operator finds operators' routes and no others; without it the contract's is found.
    const shop = { headers: { host: 'shop.test' }, token }
    expect((await at(door, '/orders/7', shop)).status).toBe(200)
    expect(legacy.seen.at(-1)?.url).toBe('/v1/7')
    expect((await at(door, '/few', shop)).status).toBe(404)
    expect((await at(door, '/orders', { method: 'PUT' })).json()).toMatchObject({ status: 405 })
    expect((await at(door, '/', { headers: { host: 'evil.test' } })).status).toBe(421)
    const refused = door.events.find((each) => each.event.code === 'TOKEN_MISSING')
    expect(refused?.countersign?.rule).toBe(
      `route reports (${routes[0]?.id}): a person is required`,
    )
  })

  it('of operators go before those of contracts, and can only be closed further by a policy file', async () => {
    using folder = temporaryFolder()
    const file = join(folder.path, 'policy.yaml')
    writeFileSync(
      file,
      'deny:\n  - endpoint: legacy.closed\nlimits:\n  - endpoint: legacy.few\n    limit: 7/second per person\n',
    )
    const legacy = await house.service('legacy-1')
    await house.service('order-1')
    const door = await house.gateway({ COUNTERSIGN_POLICY_FILE: file })
    const service = kongService('legacy')
    const routes = [
      kongRoute(service, { name: 'orders', paths: ['/orders'] }),
      kongRoute(service, { name: 'closed', paths: ['/closed'] }),
      kongRoute(service, { name: 'few', paths: ['/some'] }),
    ]
    await house.configure({ services: [service], routes })
    const token = house.tokens.token()
    expect((await at(door, '/orders/7', { token })).json()).toEqual({ from: 'legacy-1' })
    expect(legacy.seen.at(-1)?.url).toBe('/7')
    expect((await at(door, '/closed', { token })).json()).toMatchObject({ code: 'OPERATOR_DENIED' })
    expect((await at(door, '/some', { token })).headers['x-ratelimit-limit-second']).toBe('7')
    await house.configure({})
    expect((await at(door, '/orders/7', { token })).json()).toEqual({ from: 'order-1' })
  })

  it('that cannot be served leave those before in place, and the control plane hears why', async () => {
    await house.service('legacy-1')
    const door = await house.gateway()
    const service = kongService('legacy')
    const route = kongRoute(service, { name: 'reports', paths: ['/reports'] })
    await house.configure({ services: [service], routes: [route] })
    await house.configure({
      services: [service],
      routes: [{ ...route, paths: ['~/a(?=b)'] }],
      plugins: [kongPlugin('unheard-of')],
    })
    expect(house.control.said.get('gateway-1')).toEqual({
      applied: 1,
      fault: expect.stringMatching(/unheard-of.*\nroute reports: not an expression/),
    })
    expect((await at(door, '/reports', { token: house.tokens.token() })).status).toBe(200)
  })

  it('are served without the control plane, as they were kept: for nobody else to read', async () => {
    using folder = temporaryFolder()
    const env = {
      COUNTERSIGN_STATE: folder.path,
      COUNTERSIGN_MASTER_KEY: randomBytes(32).toString('base64url'),
    }
    await house.service('legacy-1')
    const first = await house.gateway(env)
    const service = kongService('legacy')
    const routes = [kongRoute(service, { name: 'reports', paths: ['/reports'] })]
    const consumer = { id: 'nobody' }
    const keyauth_credentials = [{ id: 'k', consumer, key: 'SECRET'.repeat(200_000) }] as never
    await house.configure({ services: [service], routes, keyauth_credentials })
    const kept = join(folder.path, 'configuration', 'configuration.sealed')
    await until(() => existsSync(kept) && statSync(kept).size > 1_200_000, 'it is kept')
    expect(statSync(kept).mode & 0o777).toBe(0o600)
    expect(readFileSync(kept, 'utf8')).not.toContain('reports')
    await first.gateway.close()
    house.control.isAway = true
    const second = await house.gateway(env)
    await until(() => second.gateway.ready(), 'it does not wait for the control plane')
    const token = house.tokens.token()
    expect((await at(second, '/reports', { token })).status).toBe(200)
    // And what comes later is served when the control plane is back.
    house.control.set({ ...EMPTY_CONFIG, services: [service] })
    house.control.isAway = false
    await until(
      async () => (await at(second, '/reports', { token })).status === 404,
      'it is back',
      20_000,
    )
  })
})

describe('keys of the issuer', () => {
  it('that cannot be had refuse with 503, never open', async () => {
    const one = await house.service('order-1')
    house.keysAreAway = true
    const door = await house.gateway()
    const answer = await at(door, '/orders', { token: house.tokens.token() })
    expect(answer.json()).toMatchObject({ status: 503, code: 'KEYS_UNAVAILABLE' })
    expect(one.seen).toEqual([])
  })
})
