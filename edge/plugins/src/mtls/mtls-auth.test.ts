import { X509Certificate } from 'node:crypto'
import { createServerCertificate, generateKeyPair, newSerial } from '@countersign/ground/x509'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { FakeRequest } from '../testing/exchange.ts'
import { access, instanceOf } from '../testing/run.ts'
import { mtlsAuth } from './mtls-auth.ts'
import {
  type Authority,
  client,
  createAuthority,
  der,
  failed,
  id,
  MtlsHouse,
  NOW,
  span,
} from './mtls-house.fixture.ts'

let partner: Authority
let platform: Authority
/** Another one that calls itself like the partner. */
let stranger: Authority
let shop: string
let house: MtlsHouse
beforeAll(async () => {
  partner = await createAuthority('partner.test')
  stranger = await createAuthority('partner.test')
  platform = await createAuthority('test.local')
  shop = await client(partner, 'shop', { hostNames: ['shop.partner.test'] })
})
beforeEach(() => {
  house = new MtlsHouse(partner, platform)
})

test('defaults are those of Kong; what is not done here is a mistake', () => {
  expect(mtlsAuth.schema.parse({ ca_certificates: ['a'] })).toEqual({
    ...{ ca_certificates: ['a'], allow_partial_chain: false, anonymous: null, cache_ttl: 60 },
    ...{ authenticated_group_by: 'CN', cert_cache_ttl: 60_000, default_consumer: null },
    ...{ consumer_by: ['username', 'custom_id'], http_timeout: 30_000, send_ca_dn: false },
    ...{ revocation_check_mode: 'IGNORE_CA_ERROR', skip_consumer_lookup: false, ssl_verify: true },
    ...{ http_proxy_host: null, http_proxy_port: null, https_proxy_host: null },
    ...{ https_proxy_port: null, san_dirname_matcher: [] },
  })
  for (const mistake of [
    {},
    { ca_certificates: [] },
    { ca_certificates: ['a'], ssl_verify: false },
    { ca_certificates: ['a'], send_ca_dn: true },
    { ca_certificates: ['a'], http_proxy_host: 'proxy' },
  ])
    expect(mtlsAuth.schema.safeParse(mistake).success).toBe(false)
})

test('no certificate', async () => {
  expect((await house.ask([])).said).toEqual([401, 'No required TLS certificate was sent'])
})

describe('a chain', () => {
  test.each([
    ['leaf and issuer', () => der(shop, partner.intermediate)],
    ['with its root', () => der(shop, partner.intermediate, partner.root)],
    ['in another order', () => der(shop, partner.root, partner.intermediate)],
    ['with something else', () => der(shop, platform.intermediate, partner.intermediate)],
  ])('%s', async (_, shown) => {
    const { asked, said } = await house.ask(shown())
    expect(said).toBeUndefined()
    expect(asked.consumer?.username).toBe('shop.partner.test')
    expect(asked.credentialId).toBe(
      new X509Certificate(shop).fingerprint256.replaceAll(':', '').toLowerCase(),
    )
  })

  test('over an issuer that the configuration holds', async () => {
    const config = { ca_certificates: ['partner-root', 'partner-issuer'] }
    expect((await house.ask(der(shop), config)).said).toBeUndefined()
  })

  test('to an issuer only where the operator allows partial chains', async () => {
    const config = { ca_certificates: ['partner-issuer'] }
    expect((await house.ask(der(shop), config)).said).toEqual(failed)
    expect(
      (await house.ask(der(shop), { ...config, allow_partial_chain: true })).said,
    ).toBeUndefined()
  })

  test.each<[string, () => Promise<Buffer[]>]>([
    ['without its issuer', async () => der(shop)],
    [
      'of another CA with the same names',
      async () =>
        der(
          await client(stranger, 'shop', { hostNames: ['shop.partner.test'] }),
          stranger.intermediate,
        ),
    ],
    [
      'of another CA, with the issuer of ours',
      async () => der(await client(stranger, 'shop'), partner.intermediate),
    ],
    [
      'of the platform, which is not configured',
      async () => der(await client(platform, 'order'), platform.intermediate),
    ],
    [
      'that is over',
      async () => der(await client(partner, 'x', { notAfter: NOW - 1 }), partner.intermediate),
    ],
    [
      'of a server',
      async () =>
        der(
          createServerCertificate({
            issuer: partner.issuer,
            names: ['shop.partner.test'],
            publicKey: (await generateKeyPair()).publicKey,
            span,
          }),
          partner.intermediate,
        ),
    ],
    ['of a CA in place of a leaf', async () => der(partner.intermediate)],
    ['of bytes', async () => [Buffer.from('3082000a', 'hex')]],
    ['of nothing', async () => [Buffer.alloc(0)]],
  ])('is refused: %s', async (_, shown) => {
    const { said, asked } = await house.ask(await shown())
    expect(said).toEqual(failed)
    expect(asked.consumer).toBeUndefined()
  })

  test('a verdict ends with the certificate', async () => {
    const shown = der(
      await client(partner, 'shop', { hostNames: ['shop.partner.test'], notAfter: NOW + 10_000 }),
      partner.intermediate,
    )
    const settings = { ca_certificates: ['partners'], revocation_check_mode: 'SKIP' }
    const instance = instanceOf(mtlsAuth, settings, house.tools)
    const again = async () =>
      (await access(instance, new FakeRequest({ client: { certificates: () => shown } })))?.status
    expect([await again(), await again()]).toEqual([undefined, undefined])
    house.tools.nowMs += 10_001
    expect(await again()).toBe(401)
  })

  test('a CA that does not exist is told, and believes nobody', async () => {
    expect(
      (await house.ask(der(shop, partner.intermediate), { ca_certificates: ['gone'] })).said,
    ).toEqual(failed)
    expect(house.tools.lines).toContainEqual(expect.objectContaining({ authority: 'gone' }))
  })
})

describe('who it is', () => {
  const shown = () => der(shop, partner.intermediate)
  test('a credential under its CA goes before one without, and both before names', async () => {
    const [first, second] = [house.directory.add('first'), house.directory.add('second')]
    house.directory.addSubject(first, 'shop.partner.test')
    expect((await house.ask(shown())).asked.consumer?.username).toBe('first')
    house.directory.addSubject(second, 'shop.partner.test', 'partner-root')
    const { asked } = await house.ask(shown())
    expect([asked.consumer?.username, asked.credentialId]).toEqual([
      'second',
      'mtls-shop.partner.test',
    ])
  })

  test('a credential under another CA is of somebody else', async () => {
    house.directory.addSubject(house.directory.add('other'), 'shop.partner.test', 'platform-root')
    expect((await house.ask(shown())).asked.consumer?.username).toBe('shop.partner.test')
  })

  test('consumer_by, default_consumer', async () => {
    house.directory.add('by-custom', 'shop.partner.test')
    const custom = await house.ask(shown(), { consumer_by: ['custom_id'] })
    expect(custom.asked.consumer?.username).toBe('by-custom')
    expect((await house.ask(shown(), { consumer_by: [] })).said).toEqual(failed)
    house.directory.add('rest')
    const rest = await house.ask(shown(), { consumer_by: [], default_consumer: 'rest' })
    expect(rest.asked.consumer?.username).toBe('rest')
    expect(
      (await house.ask(shown(), { consumer_by: [], default_consumer: 'gone' })).refusal?.status,
    ).toBe(500)
  })

  test('the id of a consumer is no name of a certificate', async () => {
    house.directory.consumers.splice(0)
    house.directory.consumers.push({
      ...house.directory.add('x'),
      id: 'shop.partner.test',
      username: 'admin',
    })
    expect((await house.ask(shown())).said).toEqual(failed)
  })

  test('without a consumer, a group', async () => {
    const config = { skip_consumer_lookup: true, authenticated_group_by: 'DN' }
    const { asked } = await house.ask(shown(), config)
    expect([asked.consumer, asked.groups]).toEqual([undefined, ['O=countersign']])
  })

  test('anonymous', async () => {
    house.directory.add('guest')
    for (const certificates of [[], der(shop)]) {
      const { asked } = await house.ask(certificates, { anonymous: 'guest' })
      expect([asked.consumer?.username, asked.anonymous]).toEqual(['guest', true])
    }
  })
})

describe('a workload of the platform', () => {
  const config = { ca_certificates: ['ca-cert-id'] }
  test('is a group by its SPIFFE id, and no consumer, whatever its names', async () => {
    house.directory.add('order.test.local')
    const leaf = await client(platform, 'order', { hostNames: ['order.test.local'] })
    const { asked, said } = await house.ask(der(leaf, platform.intermediate), config)
    expect(said).toBeUndefined()
    expect(asked.consumer).toBeUndefined()
    expect(asked.groups).toEqual([id('test.local', 'order')])
  })

  test('is refused at the next request once it was taken back, or nobody can tell', async () => {
    const serial = newSerial()
    const shown = der(await client(platform, 'order', { lineage: serial }), platform.intermediate)
    const instance = instanceOf(mtlsAuth, { ...config, revocation_check_mode: 'SKIP' }, house.tools)
    const again = async () =>
      (await access(instance, new FakeRequest({ client: { certificates: () => shown } })))?.facts
        .rule
    expect(await again()).toBeUndefined()
    house.taken.add(serial)
    expect(await again()).toBe('mtls-auth: the platform has taken the certificate back')
    house.taken.clear()
    house.tooOld = true
    expect(await again()).toBe('mtls-auth: nobody can tell what the platform took back')
  })

  test('one of another trust domain is none, though its CA is configured', async () => {
    const leaf = await client(partner, 'order')
    expect((await house.ask(der(leaf, partner.intermediate))).said).toEqual(failed)
  })
})

test('failures of one address are budgeted', async () => {
  const settings = { ca_certificates: ['partners'], revocation_check_mode: 'SKIP' }
  const instance = instanceOf(mtlsAuth, settings, house.tools)
  const good = der(shop, partner.intermediate)
  const from = (address: string, shown: readonly Buffer[]) =>
    access(instance, new FakeRequest({ client: { address, certificates: () => shown } }))
  expect(await from('192.0.2.1', good)).toBeUndefined()
  for (let i = 0; i < 100; i++) await from('192.0.2.1', der(shop))
  expect((await from('192.0.2.1', der(shop)))?.status).toBe(429)
  expect(await from('192.0.2.1', good)).toBeUndefined()
})
