import { createHash } from 'node:crypto'
import { until } from '@countersign/ground/testkit'
import { generateKeyPair } from '@countersign/ground/x509'
import type { CaCertificate, Certificate, KongConfig, Service } from '@countersign/kong'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Answer } from './testing/client.ts'
import { kongService, kongTarget, kongUpstream } from './testing/kong-entities.ts'
import { OutsideServer } from './testing/outside-server.ts'
import { createCredential, createDoorCertificate } from './testing/pki.ts'
import { counts, from, plainTo, routed, Shop } from './testing/shop.ts'
import { TestNames } from './testing/test-names.ts'

let shop: Shop
let names: TestNames
beforeEach(async () => {
  shop = await Shop.build()
  names = new TestNames()
  names.set('localhost', ['127.0.0.1'])
  shop.house.names = names
})
afterEach(() => shop.close())

const ruleOf = (): string | undefined => shop.door.events.at(-1)?.countersign?.rule
const refused = async (rule: RegExp): Promise<void> => {
  const answer = await shop.get('/shop')
  expect(answer.json()).toMatchObject({ status: 502, code: 'UPSTREAM_FAILED' })
  expect(answer.body).not.toMatch(/127\.0|169\.254|10\.9/)
  expect(ruleOf()).toMatch(rule)
}
const use = (service: Service, more: Partial<KongConfig> = {}) =>
  shop.house.configure(routed(service, more))

/** A certificate for localhost and its addresses, signed by an intermediate of the test's authority. */
async function hostCertificate() {
  const { privateKey, publicKey } = await generateKeyPair()
  const cert = await createDoorCertificate(shop.house.pki, publicKey)
  return { cert, key: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString() }
}
const entity = (text: string) => ({
  id: `${createHash('sha256').update(text).digest('hex').slice(0, 8)}-0000-4000-8000-000000000000`,
  ...{ created_at: 1, updated_at: 1, tags: null },
})
const caOf = (cert: string): CaCertificate => ({ ...entity(cert), cert, cert_digest: '' })

describe('a host outside of the mesh', () => {
  it('is known by its certificate: the name, the roots, and how long the chain may be', async () => {
    const shown = await hostCertificate()
    const server = shop.keep(await OutsideServer.secure('outside', shown))
    const root = caOf(shop.house.pki.bundle)
    const service = kongService('localhost', { port: server.port, ca_certificates: [root.id] })
    const roots = { ca_certificates: [root] }
    await shop.open()
    await use(service, roots)
    expect(from(await shop.get('/shop/a'))).toBe('outside')
    expect(server.seen.at(-1)).toMatchObject({
      url: '/a',
      headers: { host: `localhost:${server.port}` },
    })
    await use({ ...service, tls_verify_depth: 1 }, roots)
    expect(from(await shop.get('/shop'))).toBe('outside')
    const { length } = server.seen
    await use({ ...service, tls_verify_depth: 0 }, roots)
    await refused(/PEER_REFUSED.*more than 0 certificates/)
    await use({ ...service, ca_certificates: null }, roots)
    await refused(/PEER_REFUSED/)
    await use({ ...service, ca_certificates: null, tls_verify: false }, roots)
    await refused(/PEER_REFUSED/)
    expect(shop.door.logLines.join('')).toContain('tls_verify=false has no effect')
    names.set('shop.example', ['127.0.0.1'])
    const other = kongUpstream('shops', { host_header: 'shop.example' })
    await use(
      { ...service, host: 'shops' },
      { ...roots, upstreams: [other], targets: [kongTarget(other, server.target)] },
    )
    await refused(/PEER_REFUSED/)
    expect(server.seen).toHaveLength(length)
  })
  it('sees the certificate that an operator has chosen', async () => {
    const shown = await hostCertificate()
    const { bundle } = shop.house.pki
    const server = shop.keep(await OutsideServer.secure('outside', shown, bundle))
    const root = caOf(bundle)
    const { chain, key } = await createCredential(shop.house.pki, 'partner')
    const ours: Certificate = { ...entity(chain), cert: chain, key, cert_alt: null, key_alt: null }
    const service = kongService('localhost', { port: server.port, ca_certificates: [root.id] })
    const entities = { ca_certificates: [root], certificates: [ours] }
    await shop.open()
    await use(service, entities)
    expect((await shop.get('/shop')).status).toBe(502)
    await use({ ...service, client_certificate: { id: ours.id } }, entities)
    expect(from(await shop.get('/shop'))).toBe('outside')
    // What cannot be used is refused as a whole, and what was served stays.
    const broken = { ...ours, ...entity('broken'), key: shown.key }
    await use(
      { ...service, client_certificate: { id: broken.id } },
      { ...entities, certificates: [ours, broken] },
    )
    expect([...shop.house.control.said.values()][0]?.fault).toMatch(/localhost cannot be used/)
    expect(from(await shop.get('/shop'))).toBe('outside')
  })
  it('is spoken to without TLS only on loopback, or where a setting says so', async () => {
    const server = await shop.plain('outside')
    const service = kongService('127.0.0.1', { protocol: 'http', port: server.port })
    await shop.open({ GATEWAY_PLAIN_UPSTREAMS: '10.9.9.9' })
    await use(service)
    expect(from(await shop.get('/shop'))).toBe('outside')
    await use(kongService('10.9.9.8', { protocol: 'http' }))
    await refused(/10\.9\.9\.8 may not be spoken to without TLS.*GATEWAY_PLAIN_UPSTREAMS/)
  })
})

describe('an address that nobody should be led to', () => {
  it.each([
    ['a metadata service', 'meta.example', ['169.254.169.254']],
    ['another way to write it', 'meta.example', ['::ffff:169.254.169.254']],
    ['loopback behind a name', 'inside.example', ['127.0.0.1', '::1']],
    ['an address by number', '2130706433', ['127.0.0.1']],
    ['the unspecified one', '0.0.0.0', undefined],
    ['a metadata service by its address', '169.254.169.254', undefined],
  ])('is refused: %s', async (_what, host, addresses) => {
    names.set(host, addresses)
    await shop.open()
    await use(kongService(host, { protocol: 'http' }))
    await refused(/may not be asked \(GATEWAY_UPSTREAM_ALLOW\)/)
  })
  it('is refused when a name turns to it later, and asked where a setting allows it', async () => {
    const server = await shop.plain('outside')
    const service = kongService('turn.example', { protocol: 'http', port: server.port })
    names.set('turn.example', ['127.0.0.1'])
    await shop.open({ GATEWAY_UPSTREAM_ALLOW: '127.0.0.1' })
    await use(service)
    expect(from(await shop.get('/shop'))).toBe('outside')
    names.set('turn.example', ['169.254.169.254'])
    await until(async () => (await shop.get('/shop')).status === 502, 'it is refused')
    expect(ruleOf()).toMatch(/169\.254\.169\.254 may not be asked/)
  })
})

describe('a name', () => {
  it('is followed where it leads, and keeps its last meaning while nobody knows it', async () => {
    const one = await shop.plain('one')
    const two = shop.keep(await OutsideServer.plain('two', { host: '127.0.0.2', port: one.port }))
    const upstream = kongUpstream('shops')
    const targets = [kongTarget(upstream, `moving.example:${one.port}`)]
    names.set('moving.example', ['127.0.0.1', '127.0.0.2'])
    await shop.open({ GATEWAY_UPSTREAM_ALLOW: '127.0.0.0/8' })
    await use(plainTo(upstream), { upstreams: [upstream], targets })
    expect(counts(await shop.names(6))).toEqual({ one: 3, two: 3 })
    names.set('moving.example', ['127.0.0.2'])
    const only = async (name: string): Promise<boolean> =>
      Object.keys(counts(await shop.names(3))).join() === name
    await until(() => only('two'), 'the first is left')
    names.set('moving.example', undefined)
    const { asked } = names
    await until(() => names.asked > asked, 'it is asked for')
    expect(await only('two')).toBe(true)
    expect(two.seen[0]?.headers.host).toBe(`moving.example:${one.port}`)
  })
  it('that nobody knows is told as such', async () => {
    const upstream = kongUpstream('shops')
    const targets = [kongTarget(upstream, 'nowhere.example:80')]
    await shop.open()
    await use(plainTo(upstream), { upstreams: [upstream], targets })
    expect((await shop.get('/shop')).json()).toMatchObject({
      ...{ status: 503, code: 'NO_INSTANCE', message: 'name resolution failed' },
    })
    expect(ruleOf()).toMatch(/nowhere\.example is not known/)
    await shop.told(targets, 'DNS_ERROR')
  })
  it('of a service tells ports, weights and who is there', async () => {
    const [one, two] = [await shop.plain('one'), await shop.plain('two')]
    const upstream = kongUpstream('shops', { use_srv_name: true })
    const targets = [kongTarget(upstream, '_http._tcp.example:80')]
    const record = (name: string, { port }: OutsideServer, weight: number, priority = 1) => ({
      ...{ name, port, weight, priority },
    })
    names.set('one.example', ['127.0.0.1'])
    names.set('two.example', ['127.0.0.1'])
    const records = [record('one.example', one, 10), record('two.example', two, 30)]
    names.setService('_http._tcp.example', [...records, record('spare.example', one, 10, 2)])
    await shop.open({ GATEWAY_UPSTREAM_ALLOW: '127.0.0.1' })
    await use(plainTo(upstream), { upstreams: [upstream], targets })
    expect(counts(await shop.names(20))).toEqual({ one: 5, two: 15 })
    expect(one.seen[0]?.headers.host).toBe(`one.example:${one.port}`)
  })
})

describe('a service of the registry', () => {
  it('is what its name means, as the host of a service and as a target, over mutual TLS', async () => {
    const legacy = await shop.house.service('legacy-1')
    const impostor = await shop.house.service('partner-1', 'payment')
    const upstream = kongUpstream('shops')
    const at = (name: string) => ({
      upstreams: [upstream],
      targets: [kongTarget(upstream, `${name}:8000`)],
    })
    await shop.open()
    for (const name of ['legacy', 'partner']) names.set(name, ['127.0.0.1'])
    await use(kongService('legacy'))
    expect(from(await shop.get('/shop'))).toBe('legacy-1')
    await use(plainTo(upstream), at('legacy'))
    expect(from(await shop.get('/shop'))).toBe('legacy-1')
    expect(legacy.seen.at(-1)?.tlsVersion).toBe('TLSv1.3')
    await use(plainTo(upstream), at('partner'))
    await refused(/PEER_REFUSED.*spiffe:/)
    expect(impostor.seen).toEqual([])
    expect(names.asked).toBe(0)
  })
  it('stays what its name means when its instances are gone', async () => {
    const legacy = await shop.house.service('legacy-1')
    const outside = await shop.plain('outside')
    names.set('legacy', ['127.0.0.1'])
    await shop.open({ GATEWAY_UPSTREAM_ALLOW: '127.0.0.1' })
    await use(kongService('legacy', { protocol: 'http', port: outside.port }))
    expect(from(await shop.get('/shop'))).toBe('legacy-1')
    shop.house.instances('legacy').set([])
    expect(from(await shop.get('/shop'))).toBe(503)
    shop.house.instances('legacy').set([legacy.entry])
    expect(from(await shop.get('/shop'))).toBe('legacy-1')
    expect(outside.seen).toEqual([])
  })
  it('takes over from the name servers when it appears', async () => {
    const outside = await shop.plain('outside')
    names.set('legacy', ['127.0.0.1'])
    await shop.open({ GATEWAY_UPSTREAM_ALLOW: '127.0.0.1' })
    await use(kongService('legacy', { protocol: 'http', port: outside.port }))
    expect(from(await shop.get('/shop'))).toBe('outside')
    await shop.house.service('legacy-1')
    expect(from(await shop.get('/shop'))).toBe('legacy-1')
  })
  it('of the platform itself is no target', async () => {
    const upstream = kongUpstream('shops')
    await shop.open()
    const targets = [kongTarget(upstream, 'identity:8000')]
    await use(plainTo(upstream), { upstreams: [upstream], targets })
    expect([...shop.house.control.said.values()][0]?.fault).toMatch(
      /target identity:8000 of upstream shops: identity is a part of the platform/,
    )
  })
})

describe('retries', () => {
  const post = (): Promise<Answer> => shop.get('/shop', { method: 'POST', body: 'x' })
  it('are as many as the service says, of what certainly was not begun', async () => {
    const upstream = kongUpstream('shops')
    const { all, config } = await shop.behind(upstream, [100, 100, 100], {
      service: { retries: 2 },
    })
    for (const server of all.slice(0, 2)) server.kill()
    for (let i = 0; i < 4; i++) expect(from(await post())).toBe('target-2')
    const fresh = kongUpstream('others')
    const targets = (config.targets ?? []).map(({ target }) => kongTarget(fresh, target))
    await use(plainTo(fresh, { retries: 0 }), { upstreams: [fresh], targets })
    expect(counts([await post(), await post(), await post()].map(from))).toEqual({
      502: 2,
      'target-2': 1,
    })
  })
  it('are none once something may have been begun, unless twice is the same as once', async () => {
    const { all } = await shop.behind(kongUpstream('shops'), [100, 100])
    const [bad] = all
    if (bad === undefined) throw new Error('no server')
    bad.handler = (request) => request.socket.destroy()
    const found = counts([await post(), await post()].map(from))
    expect(found).toEqual({ 502: 1, 'target-1': 1 })
    expect(counts(await shop.names(4))).toEqual({ 'target-1': 4 })
  })
})
