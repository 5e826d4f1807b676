import { createHmac } from 'node:crypto'
import { Agent } from 'node:https'
import { until } from '@countersign/ground/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Answer, type Ask, ask } from '../testing/client.ts'
import { House, type Running } from '../testing/house.ts'
import { kongConsumer, kongPlugin, kongRoute, kongService } from '../testing/kong-entities.ts'
import { createCredential } from '../testing/pki.ts'
import { ISSUER, signingInput } from '../testing/token-issuer.ts'
import type { UpstreamServer } from '../testing/upstream-server.ts'

/* The plugins that guard, through the public door: one route for each. */

let house: House
let door: Running
let legacy: UpstreamServer
const at = (path: string, more: Partial<Ask> = {}): Promise<Answer> =>
  ask({ port: door.port, ca: house.pki.bundle, path, ...more })
const said = ({ status, json }: Answer): unknown[] => [status, json().message]

const service = kongService('legacy')
const routeAt = (name: string, more: object = {}) =>
  kongRoute(service, { name, paths: [`/${name}`], strip_path: false, ...more })
const open = { tags: ['public'] }
const routes = {
  partner: routeAt('partner'),
  workloads: routeAt('workloads'),
  oidc: routeAt('oidc'),
  near: routeAt('near', open),
  far: routeAt('far', open),
  people: routeAt('people', open),
  small: routeAt('small', open),
  echo: routeAt('echo'),
  pages: routeAt('pages', open),
}
const partner = kongConsumer('partner', { custom_id: 'p-1' })
const SECRET = 's'.repeat(40)
const entity = { created_at: 1, updated_at: 1, tags: null }

beforeAll(async () => {
  house = await House.build()
  legacy = await house.service('legacy-1')
  door = await house.gateway()
  const { workloads, oidc, near, far, people, small, echo, pages } = routes
  await house.configure({
    services: [service],
    routes: Object.values(routes),
    consumers: [partner],
    jwt_secrets: [
      {
        ...{ ...entity, id: 'jwt-1', consumer: { id: partner.id }, key: 'partner-key' },
        ...{ secret: SECRET, rsa_public_key: null, algorithm: 'HS256' },
      },
    ],
    acls: [{ ...entity, id: 'acl-1', consumer: { id: partner.id }, group: 'shops' }],
    ca_certificates: [
      { ...entity, id: 'ca-1', cert: house.pki.bundle, cert_digest: '', tags: ['ca-cert-id'] },
    ],
    plugins: [
      kongPlugin('jwt', { route: routes.partner }),
      kongPlugin('acl', { route: routes.partner }, { allow: ['shops', 'admin'] }),
      kongPlugin('mtls-auth', { route: workloads }, { ca_certificates: ['ca-cert-id'] }),
      kongPlugin('acl', { route: workloads }, { allow: ['spiffe://test.local/service/order'] }),
      kongPlugin(
        'openid-connect',
        { route: oidc },
        {
          ...{ issuer: ISSUER, audience_required: ['countersign'], roles_required: ['admin'] },
        },
      ),
      kongPlugin('ip-restriction', { route: near }, { allow: ['127.0.0.0/8'] }),
      kongPlugin('ip-restriction', { route: far }, { allow: ['10.0.0.0/8'], status: 451 }),
      kongPlugin('bot-detection', { route: people }, { deny: ['^curl'] }),
      kongPlugin(
        'request-size-limiting',
        { route: small },
        {
          ...{ allowed_payload_size: 8, size_unit: 'bytes' },
        },
      ),
      kongPlugin('request-termination', { route: echo }, { echo: true, status_code: 200 }),
      kongPlugin('cors', { route: pages }, { origins: ['https://a.test'], credentials: true }),
    ],
  })
  expect(house.control.said.get('gateway-1')?.fault).toBeUndefined()
})
afterAll(() => house.close())

describe('jwt', () => {
  const signed = (claims: object): string => {
    const input = signingInput({ alg: 'HS256', typ: 'JWT' }, claims)
    return `${input}.${createHmac('sha256', SECRET).update(input).digest('base64url')}`
  }
  const exp = Math.floor(Date.now() / 1000) + 300

  it('knows a consumer by its token, and tells the service', async () => {
    const token = signed({ iss: 'partner-key', exp })
    expect((await at('/partner', { token })).status).toBe(200)
    expect(legacy.seen.at(-1)?.headers).toMatchObject({
      ...{ 'x-consumer-id': partner.id, 'x-consumer-username': 'partner' },
      ...{ 'x-consumer-custom-id': 'p-1', 'x-credential-identifier': 'jwt-1' },
      'x-consumer-groups': 'shops',
    })
  })
  it('knows a person of our own provider by theirs, on the same route', async () => {
    const token = house.tokens.token({ roles: ['admin'] })
    expect((await at('/partner', { token })).status).toBe(200)
    expect(legacy.seen.at(-1)?.headers).toMatchObject({ 'x-authenticated-groups': 'admin' })
    expect(said(await at('/partner', { token: house.tokens.token() }))).toEqual([
      403,
      'You cannot consume this service',
    ])
  })
  it.each([
    ['no end', () => signed({ iss: 'partner-key' }), 'must be a number'],
    ['an end that is past', () => signed({ iss: 'partner-key', exp: 1 }), 'token expired'],
    ['another key', () => signed({ iss: 'other', exp }), "No credentials found for given 'iss'"],
    ['our issuer in another hand', () => signed({ iss: ISSUER, exp }), 'Unauthorized'],
    ['no form', () => 'a.b.c', 'Bad token; invalid JSON'],
  ])('refuses a token with %s, and records it', async (_, token, message) => {
    const asked = legacy.seen.length
    const answer = await at('/partner', { token: token() })
    expect(said(answer)).toEqual([401, message])
    expect(answer.headers['www-authenticate']).toBe('Bearer error="invalid_token"')
    expect(legacy.seen.length).toBe(asked)
    const id = answer.json().requestId
    await until(
      () => door.events.some((event) => JSON.stringify(event).includes(String(id))),
      'told',
    )
    expect(JSON.stringify(door.events)).not.toContain(token())
  })
  it('asks for a token', async () => {
    const answer = await at('/partner')
    expect(said(answer)).toEqual([401, 'Unauthorized'])
    expect(answer.headers['www-authenticate']).toBe('Bearer')
  })
})

describe('mtls-auth', () => {
  const withCertificate = async (name: string): Promise<Answer> => {
    const { chain, key } = await createCredential(house.pki, name)
    const agent = new Agent({ cert: chain, key, ca: house.pki.bundle })
    try {
      return await at('/workloads', { agent })
    } finally {
      agent.destroy()
    }
  }
  it('knows a workload of the platform by its certificate, and acl decides by its name', async () => {
    expect((await withCertificate('order')).status).toBe(200)
    expect(legacy.seen.at(-1)?.headers['x-authenticated-groups']).toBe(
      'spiffe://test.local/service/order',
    )
    expect(said(await withCertificate('payment'))).toEqual([403, 'You cannot consume this service'])
  })
  it('wants a certificate, whatever else is sent', async () => {
    const token = house.tokens.token({ roles: ['admin'] })
    expect(said(await at('/workloads', { token }))).toEqual([
      401,
      'No required TLS certificate was sent',
    ])
  })
})

describe('openid-connect', () => {
  it('takes tokens of our own provider, and holds them to what the operator asks for', async () => {
    expect((await at('/oidc', { token: house.tokens.token({ roles: ['admin'] }) })).status).toBe(
      200,
    )
    expect(said(await at('/oidc', { token: house.tokens.token() }))).toEqual([403, 'Forbidden'])
    expect(said(await at('/oidc'))).toEqual([401, 'Unauthorized'])
    const forged = `${house.tokens.token({ roles: ['admin'] }).slice(0, -6)}AAAAAA`
    expect(said(await at('/oidc', { token: forged }))).toEqual([401, 'Unauthorized'])
  })
})

describe('the others', () => {
  it('ip-restriction', async () => {
    expect((await at('/near')).status).toBe(200)
    expect(said(await at('/far'))).toEqual([451, 'IP address not allowed: 127.0.0.1'])
    const headers = { 'x-forwarded-for': '10.0.0.1', 'x-real-ip': '10.0.0.1' }
    expect((await at('/far', { headers })).status).toBe(451)
  })
  it('bot-detection', async () => {
    const agent = (text: string) => at('/people', { headers: { 'user-agent': text } })
    expect((await agent('Mozilla/5.0 (X11; Linux x86_64)')).status).toBe(200)
    expect(said(await agent('curl/8.9'))).toEqual([403, 'Forbidden'])
    expect((await agent('Googlebot/2.1')).status).toBe(403)
  })
  it('request-size-limiting, also of bodies that do not tell their length', async () => {
    const post = (body: string, headers = {}) => at('/small', { method: 'POST', body, headers })
    expect((await post('12345678')).status).toBe(200)
    expect(said(await post('123456789'))).toEqual([413, 'Request size limit exceeded'])
    const chunked = { 'transfer-encoding': 'chunked', 'content-length': [] }
    expect((await post('12345678', chunked)).status).toBe(200)
    expect(legacy.seen.at(-1)?.body.toString()).toBe('12345678')
    expect(said(await post('123456789', chunked))).toEqual([413, 'Request size limit exceeded'])
  })
  it('request-termination', async () => {
    const asked = legacy.seen.length
    const answer = await at('/echo?a=1', { method: 'POST', body: 'hi', token: 'secret' })
    expect(answer.status).toBe(200)
    expect(answer.json()).toMatchObject({
      request: { method: 'POST', path: '/echo', query: { a: '1' }, raw_body: 'hi' },
      matched_route: { name: 'echo' },
    })
    expect(answer.body).not.toContain('secret')
    expect(legacy.seen.length).toBe(asked)
  })
  it('cors: what the service allows by itself does not count', async () => {
    legacy.handler = (_seen, response) => {
      response.writeHead(200, { 'access-control-allow-origin': '*', vary: 'Accept' }).end('{}')
    }
    const from = async (origin: string) => (await at('/pages', { headers: { origin } })).headers
    expect(await from('https://a.test')).toMatchObject({
      ...{ 'access-control-allow-origin': 'https://a.test', vary: 'Accept, Origin' },
      'access-control-allow-credentials': 'true',
    })
    const evil = await from('https://a.test.evil')
    expect(evil['access-control-allow-origin']).toBeUndefined()
  })
})
