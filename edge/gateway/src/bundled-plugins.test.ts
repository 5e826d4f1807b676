import { once } from 'node:events'
import { connect } from 'node:tls'
import { createServerCertificate, generateKeyPair } from '@countersign/ground/x509'
import { until } from '@countersign/ground/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Answer, type Ask, ask } from './testing/client.ts'
import { House, type Running } from './testing/house.ts'
import { kongConsumer, kongPlugin, kongRoute, kongService } from './testing/kong-entities.ts'
import type { UpstreamServer } from './testing/upstream-server.ts'
import { withinOneSecond } from './testing/within-one-second.ts'

/* The plugins that come with the gateway, as the control plane would configure them, through the public door. */

let house: House
let door: Running
let legacy: UpstreamServer
const at = (path: string, more: Partial<Ask> = {}): Promise<Answer> =>
  ask({ port: door.port, ca: house.pki.bundle, path, ...more })
const count = (answers: readonly Answer[], status: number): number =>
  answers.filter((each) => each.status === status).length

const service = kongService('legacy', { name: 'order-service' })
const routeAt = (name: string) => kongRoute(service, { name, paths: [`/${name}`] })
const routes = {
  seed: routeAt('seed'),
  keys: routeAt('keys'),
  closed: routeAt('closed'),
  cached: { ...routeAt('cached'), tags: ['public'] },
  anonymous: routeAt('anonymous'),
}
const alice = kongConsumer('alice')
const nobody = kongConsumer('nobody')

beforeAll(async () => {
  house = await House.build()
  legacy = await house.service('legacy-1')
  await house.service('order-1')
  door = await house.gateway()
  const { seed, keys, closed, cached, anonymous } = routes
  await house.configure({
    services: [service],
    routes: Object.values(routes),
    consumers: [alice, nobody],
    keyauth_credentials: [
      { ...alice, id: 'key-1', consumer: { id: alice.id }, key: 'alices-key', ttl: null } as never,
      { ...alice, id: 'key-2', consumer: { id: alice.id }, key: 'old', ttl: 10 } as never,
    ],
    acls: [{ ...alice, id: 'acl-1', consumer: { id: alice.id }, group: 'readers' } as never],
    plugins: [
      kongPlugin('cors', {}, { origins: ['https://shop.test'], methods: ['GET'] }),
      kongPlugin('jwt', { route: seed }),
      kongPlugin('acl', { route: seed }, { allow: ['admin'] }),
      kongPlugin('rate-limiting', { route: seed }, { second: 5, hour: 1000, policy: 'local' }),
      kongPlugin(
        'request-size-limiting',
        { route: seed },
        {
          ...{ allowed_payload_size: 10, size_unit: 'bytes' },
        },
      ),
      kongPlugin('key-auth', { route: keys }, { hide_credentials: true }),
      kongPlugin('acl', { route: keys }, { allow: ['readers'] }),
      kongPlugin('request-transformer', { route: keys }, { add: { headers: ['x-added:yes'] } }),
      kongPlugin('request-termination', { route: closed }, { status_code: 503, message: 'closed' }),
      kongPlugin('proxy-cache', { route: cached }, { strategy: 'memory' }),
      kongPlugin('key-auth', { route: anonymous }, { anonymous: nobody.id }),
    ],
  })
  expect(house.control.said.get('gateway-1')?.fault).toBeUndefined()
})
afterAll(() => house.close())

describe('the plugins of the seed', () => {
  it('ask for a token, for a role, and for patience', async () => {
    const admin = house.tokens.token({ sub: 'root', roles: ['admin'] })
    expect((await at('/seed')).status).toBe(401)
    expect((await at('/seed', { token: house.tokens.token() })).json()).toMatchObject({
      status: 403,
      message: 'You cannot consume this service',
    })
    expect((await at('/seed', { token: admin, method: 'POST', body: 'x'.repeat(11) })).status).toBe(
      413,
    )
    const answers = await withinOneSecond(() =>
      Promise.all(Array.from({ length: 12 }, () => at('/seed', { token: admin }))),
    )
    expect(count(answers, 200)).toBe(5)
    const refused = answers.find(({ status }) => status === 429)
    expect(refused?.json()).toMatchObject({ message: 'API rate limit exceeded', status: 429 })
    expect(refused?.headers['x-ratelimit-limit-second']).toBe('5')
  })
})

describe('the others', () => {
  it('know consumers by their keys, and keep these to themselves', async () => {
    expect((await at('/keys')).json()).toMatchObject({ message: 'No API key found in request' })
    expect((await at('/keys', { headers: { apikey: 'old' } })).status).toBe(401)
    const answer = await at('/keys', { headers: { apikey: 'alices-key' } })
    expect(answer.status).toBe(200)
    const { headers } = legacy.seen.at(-1) ?? {}
    expect(headers).toMatchObject({
      ...{ 'x-consumer-username': 'alice', 'x-consumer-groups': 'readers', 'x-added': 'yes' },
      'x-credential-identifier': 'key-1',
    })
    expect(headers?.apikey).toBeUndefined()
  })
  it('let the anonymous pass where that is said', async () => {
    expect((await at('/anonymous')).status).toBe(200)
    expect(legacy.seen.at(-1)?.headers).toMatchObject({
      'x-anonymous-consumer': 'true',
      'x-consumer-username': 'nobody',
    })
  })
  it('answer for the service', async () => {
    const seen = legacy.seen.length
    expect((await at('/closed')).json()).toMatchObject({ message: 'closed' })
    expect(legacy.seen.length).toBe(seen)
    legacy.handler = (_seen, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'max-age=60' })
      response.end('{"n":1}')
    }
    const first = await at('/cached/a')
    expect([first.headers['x-cache-status'], first.body]).toEqual(['Miss', '{"n":1}'])
    const asked = legacy.seen.length
    const second = await at('/cached/a')
    expect([second.headers['x-cache-status'], second.body]).toEqual(['Hit', '{"n":1}'])
    expect(legacy.seen.length).toBe(asked)
  })
  it('tell browsers who may read, on routes of contracts, too', async () => {
    const origin = 'https://shop.test'
    const preflight = await at('/orders/7', {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'GET' },
    })
    expect([preflight.status, preflight.headers['access-control-allow-origin']]).toEqual([
      200,
      origin,
    ])
    const refused = await at('/orders/7', { headers: { origin } })
    expect([refused.status, refused.headers['access-control-allow-origin']]).toEqual([401, origin])
    const evil = await at('/orders/7', { headers: { origin: 'https://evil.test' } })
    expect(evil.headers['access-control-allow-origin']).toBeUndefined()
  })
})

it('shows the certificate of an operator to those who ask for its name', async () => {
  const { privateKey, publicKey } = await generateKeyPair()
  const now = Date.now()
  const cert = await createServerCertificate({
    ...{ issuer: house.pki.issuer, names: ['shop.test'], publicKey },
    span: { notBefore: now - 1_000, notAfter: now + 3_600_000 },
  })
  const key = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
  const certificate = {
    ...{ id: 'cert-1', created_at: 1, updated_at: 1, tags: null, cert_alt: null, key_alt: null },
    ...{ cert: cert + house.pki.intermediate, key },
  }
  const sni = { id: 'sni-1', created_at: 1, updated_at: 1, tags: null }
  const snis = [{ ...sni, name: '*.shop.test', certificate: { id: 'cert-1' } }]
  await house.configure({ certificates: [certificate], snis })
  const shown = async (servername: string): Promise<string> => {
    const options = { port: door.port, host: '127.0.0.1', ca: house.pki.bundle, servername }
    const socket = connect({ ...options, checkServerIdentity: () => undefined })
    await once(socket, 'secureConnect')
    const names = socket.getPeerCertificate().subjectaltname ?? ''
    socket.destroy()
    return names
  }
  expect(await shown('a.shop.test')).toBe('DNS:shop.test')
  expect(await shown('localhost')).toContain('DNS:localhost')
  expect(await shown('a.b.shop.test')).toContain('DNS:localhost')
  // A key that is none leaves what is there in place.
  await house.configure({ certificates: [{ ...certificate, key: 'SECRET' }], snis })
  expect(house.control.said.get('gateway-1')?.fault).toMatch(/^certificate cert-1: /)
  expect(house.control.said.get('gateway-1')?.fault).not.toContain('SECRET')
  await until(async () => (await shown('a.shop.test')) === 'DNS:shop.test', 'it is shown still')
})
