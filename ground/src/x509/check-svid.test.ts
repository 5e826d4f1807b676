import { X509Certificate } from 'node:crypto'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { spiffeId } from '../spiffe/index.ts'
import { checkSvid } from './check-svid.ts'
import { createServerCertificate, createSvid } from './issue.ts'
import { generateKeyPair } from './key-pair.ts'
import type { Library } from './library.fixture.ts'
import { createPki, leafParts, type Pki, signAnything } from './x509.fixture.ts'

const ID = 'spiffe://test.local/service/order'
const uri = (value: string) => ({ type: 'url', value }) as const
const dns = (value: string) => ({ type: 'dns', value }) as const

let pki: Pki
beforeAll(async () => {
  pki = await createPki()
})

type Parts = (x509: typeof Library) => readonly Library.Extension[]
const named =
  (...names: Library.JsonGeneralNames): Parts =>
  (x509) =>
    leafParts(x509, { names })
const used =
  (usage: (flags: typeof Library.KeyUsageFlags) => number): Parts =>
  (x509) =>
    leafParts(x509, { usage: usage(x509.KeyUsageFlags) })
const extended =
  (...usages: string[]): Parts =>
  (x509) =>
    leafParts(x509, { usages })
const without =
  (index: number): Parts =>
  (x509) =>
    leafParts(x509).toSpliced(index, 1)

const SERVER = '1.3.6.1.5.5.7.3.1'
const CLIENT = '1.3.6.1.5.5.7.3.2'

// biome-ignore format: a table
const cases: [string, Parts, string][] = [
  ['the usual leaf',                       named(uri(ID)),                                   ID],
  ['a leaf with a host name as well',      named(uri(ID), dns('localhost')),                 ID],
  ['no extendedKeyUsage at all',           without(2),                                       ID],
  ['no basicConstraints at all',           without(0),                                       ID],
  ['more usages than needed',              extended(SERVER, CLIENT, '1.3.6.1.5.5.7.3.8'),    ID],
  ['no names',                             without(3),                                       'has no URI'],
  ['a host name only',                     named(dns('localhost')),                          'has no URI'],
  ['two URIs',                             named(uri(ID), uri('spiffe://test.local/a')),     'more than one URI'],
  ['the same URI twice',                   named(uri(ID), uri(ID)),                          'more than one URI'],
  ['a host name that shows a URI',         named(dns(`x, URI:${ID}`)),                       'has no URI'],
  ['a host name that hides beside a URI',  named(uri(ID), dns('x, URI:spiffe://test.local/platform/desk')), ID],
  ['an upper-case trust domain',           named(uri('spiffe://Test.local/service/order')),  'not a SPIFFE id'],
  ['an upper-case scheme',                 named(uri('SPIFFE://test.local/service/order')),  'not a SPIFFE id'],
  ['another scheme',                       named(uri('https://test.local/service/order')),   'not a SPIFFE id'],
  ['a trailing slash',                     named(uri(`${ID}/`)),                             'not a SPIFFE id'],
  ['an empty segment',                     named(uri('spiffe://test.local//order')),         'not a SPIFFE id'],
  ['a dotted segment',                     named(uri('spiffe://test.local/service/../x')),   'not a SPIFFE id'],
  ['percent-encoding',                     named(uri('spiffe://test.local/service%2forder')), 'not a SPIFFE id'],
  ['a query',                              named(uri(`${ID}?a=b`)),                          'not a SPIFFE id'],
  ['a port',                               named(uri('spiffe://test.local:1/service/order')), 'not a SPIFFE id'],
  ['a NUL at the end',                     named(uri(`${ID}\0`)),                            'not a SPIFFE id'],
  ['a line break at the end',              named(uri(`${ID}\n`)),                            'not a SPIFFE id'],
  ['a comma and another name',             named(uri(`${ID}, URI:${ID}`)),                   'not a SPIFFE id'],
  ['a wildcard',                           named(uri('spiffe://test.local/*')),              'not a SPIFFE id'],
  ['too long a path',                      named(uri(`spiffe://test.local/${'a'.repeat(2048)}`)), 'not a SPIFFE id'],
  ['the trust domain itself',              named(uri('spiffe://test.local')),                'has no path'],
  ['a CA',                                 (x509) => leafParts(x509, { ca: true }),          'is a CA'],
  ['no keyUsage',                          without(1),                                       'no keyUsage'],
  ['a keyUsage without digitalSignature',  used((flags) => flags.keyAgreement),              'lacks digitalSignature'],
  ['keyCertSign',                          used((flags) => flags.digitalSignature | flags.keyCertSign), 'that of a CA'],
  ['cRLSign',                              used((flags) => flags.digitalSignature | flags.cRLSign), 'that of a CA'],
  ['serverAuth only',                      extended(SERVER),                                 'lacks serverAuth or clientAuth'],
  ['clientAuth only',                      extended(CLIENT),                                 'lacks serverAuth or clientAuth'],
]

describe('checkSvid', () => {
  it.each(cases)('%s', async (_, parts, expected) => {
    const verdict = checkSvid(new X509Certificate(await signAnything(pki.issuer, parts)))
    if (verdict.ok) expect(verdict.id).toBe(expected)
    else expect(verdict.fault).toContain(expected)
  })

  it('refuses a keyUsage that is not critical', async () => {
    const pem = await signAnything(pki.issuer, (x509) => [
      ...leafParts(x509).toSpliced(1, 1),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, false),
    ])
    expect(checkSvid(new X509Certificate(pem))).toMatchObject({
      fault: expect.stringMatching(/not critical/),
    })
  })

  it('refuses an extension that is there twice', async () => {
    const pem = await signAnything(pki.issuer, (x509) => [...leafParts(x509), ...leafParts(x509)])
    expect(checkSvid(new X509Certificate(pem))).toMatchObject({
      fault: expect.stringMatching(/twice/),
    })
  })

  it('refuses the certificate of the public door, and accepts what createSvid makes', async () => {
    const { publicKey } = await generateKeyPair()
    const span = { notBefore: Date.now() - 1000, notAfter: Date.now() + 60_000 }
    const common = { issuer: pki.issuer, publicKey, span }
    const door = await createServerCertificate({ ...common, names: ['localhost', '127.0.0.1'] })
    expect(checkSvid(new X509Certificate(door)).ok).toBe(false)
    const id = spiffeId('test.local', 'service', 'order')
    const svid = await createSvid({ ...common, id })
    expect(checkSvid(new X509Certificate(svid))).toEqual({ ok: true, id })
  })

  it('never throws and never sees another id, whichever bit of a certificate is flipped', async () => {
    const raw = new X509Certificate(await signAnything(pki.issuer, named(uri(ID)))).raw
    fc.assert(
      fc.property(fc.nat(raw.length * 8 - 1), (bit) => {
        const bytes = Buffer.from(raw)
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        // Only `raw` is read: a certificate that OpenSSL would not even parse gets here as well.
        const verdict = checkSvid({ raw: bytes } as X509Certificate)
        const id = verdict.ok ? verdict.id : ID
        const differing = [...id].filter((character, i) => character !== ID[i]).length
        return id.length === ID.length && differing <= 1
      }),
      { numRuns: 2_000 },
    )
  })
})
