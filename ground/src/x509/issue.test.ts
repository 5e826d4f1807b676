import { execFileSync, spawnSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { spiffeId } from '../spiffe/index.ts'
import { has, temporaryFolder } from '../testkit/index.ts'
import { readCertificate } from './certificate.ts'
import {
  createIntermediate,
  createRoot,
  createServerCertificate,
  createSvid,
  crossSign,
} from './issue.ts'
import { keyIdOf } from './key-id.ts'
import { generateKeyPair } from './key-pair.ts'
import { loadLibrary } from './library.fixture.ts'
import type { WantedConstraints } from './name-constraints.ts'
import { newSerial } from './serial.ts'
import type { Issuer } from './sign-certificate.ts'
import { validateChain } from './validate-chain.ts'
import { createPki, DAY, ORDER, type Pki, signLibraryCa, TD } from './x509.fixture.ts'

const now = Math.floor(Date.now() / 1000) * 1000
const span = { notBefore: now - 1000, notAfter: now + DAY / 2 }
let pki: Pki
let keys: Awaited<ReturnType<typeof generateKeyPair>>
beforeAll(async () => {
  pki = await createPki(now)
  keys = await generateKeyPair()
})
const facts = (pem: string) => readCertificate(new X509Certificate(pem).raw)

/** A root, an intermediate of its own, and what signs below that. */
async function createLine(nameConstraints?: WantedConstraints | 'none', pathLength = 1) {
  const above = await generateKeyPair()
  const below = await generateKeyPair()
  const common = { trustDomainId: TD, span }
  const root = createRoot({ ...common, commonName: `root ${newSerial()}`, keys: above, pathLength })
  const rootIssuer: Issuer = { certificate: root, privateKey: above.privateKey }
  const intermediate = createIntermediate({
    ...{ ...common, issuer: rootIssuer, commonName: 'below', publicKey: below.publicKey },
    ...(nameConstraints === undefined ? {} : { nameConstraints }),
  })
  const issuer: Issuer = { certificate: intermediate, privateKey: below.privateKey }
  return { root, rootIssuer, intermediate, issuer }
}

const svid = (issuer: Issuer, hostNames: readonly string[] = []) =>
  createSvid({ issuer, id: ORDER, hostNames, publicKey: keys.publicKey, span })
const server = (issuer: Issuer) =>
  createServerCertificate({
    ...{ issuer, names: ['localhost', '127.0.0.1', '::1'], publicKey: keys.publicKey, span },
    crlUrls: ['http://localhost/crl/a.crl'],
    ocspUrls: ['http://localhost/ocsp'],
  })

describe('what is issued', () => {
  it('has the serial that is asked for, and its lineage', () => {
    const common = { issuer: pki.issuer, id: ORDER, publicKey: keys.publicKey, span }
    const [serial, lineage] = [newSerial(), newSerial()]
    const first = facts(createSvid({ ...common, serial }))
    expect(first).toMatchObject({ serial, lineage: serial })
    expect(facts(createSvid({ ...common, serial, lineage }))).toMatchObject({ serial, lineage })
    const own = facts(createSvid(common))
    expect(own.lineage).toBe(own.serial)
    expect(facts(server(pki.issuer)).lineage).toBeUndefined()
    expect(() => createSvid({ ...common, serial: '00' })).toThrow(TypeError)
  })

  it('says whose key it is for and who signed it', () => {
    const leaf = facts(svid(pki.issuer))
    const issuer = new X509Certificate(pki.intermediate)
    expect(leaf.subjectKeyId).toBe(keyIdOf(keys.publicKey))
    expect(leaf.authorityKeyId).toBe(keyIdOf(issuer))
    expect(keyIdOf(issuer)).toBe(keyIdOf(issuer.publicKey))
    expect(keyIdOf(issuer)).toMatch(/^[0-9a-f]{40}$/)
    expect(leaf.issuer.equals(readCertificate(issuer.raw).subject)).toBe(true)
    expect(leaf).toMatchObject({ notBefore: now - 1000, notAfter: now + DAY / 2 })
  })

  it('counts whole seconds, also after 2049', () => {
    const late = {
      notBefore: Date.UTC(2049, 11, 31, 23, 59, 59, 999),
      notAfter: Date.UTC(2050, 0, 1, 0, 0, 0, 1),
    }
    const pem = createSvid({ issuer: pki.issuer, id: ORDER, publicKey: keys.publicKey, span: late })
    const whole = { notBefore: late.notBefore - 999, notAfter: late.notAfter - 1 }
    expect(facts(pem)).toMatchObject(whole)
    const { validFromDate, validToDate } = new X509Certificate(pem)
    expect([validFromDate.getTime(), validToDate.getTime()]).toEqual([
      whole.notBefore,
      whole.notAfter,
    ])
    for (const notAfter of [Number.NaN, -1, Date.UTC(10_000, 0)]) {
      const bad = { notBefore: 0, notAfter }
      expect(() =>
        createSvid({ issuer: pki.issuer, id: ORDER, publicKey: keys.publicKey, span: bad }),
      ).toThrow(TypeError)
    }
  })

  it('is for wildcards only where that is said', () => {
    const common = { issuer: pki.issuer, publicKey: keys.publicKey, span }
    const names = ['*.example.test']
    expect(facts(createServerCertificate({ ...common, names, wildcard: true })).dnsNames).toEqual(
      names,
    )
    for (const name of ['*', '*.', '*.test', '*.*.test.test', 'a.*.test', '*a.test.test']) {
      expect(() => createServerCertificate({ ...common, names: [name], wildcard: true })).toThrow(
        TypeError,
      )
    }
  })

  it('is what the certificate library reads the same', async () => {
    const x509 = await loadLibrary()
    for (const pem of [
      pki.root,
      pki.intermediate,
      svid(pki.issuer, ['localhost']),
      server(pki.issuer),
    ]) {
      const theirs = new x509.X509Certificate(pem)
      const ours = facts(pem)
      expect(theirs.serialNumber.replace(/^0+/, '')).toBe(ours.serial)
      expect(theirs.notAfter.getTime()).toBe(ours.notAfter)
      expect(theirs.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId).toBe(ours.subjectKeyId)
      expect(theirs.getExtension(x509.AuthorityKeyIdentifierExtension)?.keyId).toBe(
        ours.authorityKeyId,
      )
      const names = theirs.getExtension(x509.SubjectAlternativeNameExtension)?.names.toJSON() ?? []
      expect(names.filter(({ type }) => type === 'url').map(({ value }) => value)).toEqual(
        ours.uris,
      )
      const issuer = pem === pki.root || pem === pki.intermediate ? pki.root : pki.intermediate
      expect(await theirs.verify({ publicKey: new x509.X509Certificate(issuer) })).toBe(true)
    }
  })

  it('below a CA that the library has made is a good chain', async () => {
    const { root, intermediate, issuer } = await signLibraryCa(span)
    const verdict = validateChain(svid(issuer) + intermediate, root, now, { profile: 'svid' })
    expect(verdict).toMatchObject({ ok: true })
  })

  it('takes well below 0.4 ms of one core', () => {
    const rounds = 50
    for (let i = 0; i < 300; i++) svid(pki.issuer)
    // The least of some: what else the process does meanwhile is counted, too.
    const tookUs = Array.from({ length: 8 }, () => {
      const before = process.cpuUsage()
      for (let i = 0; i < rounds; i++) svid(pki.issuer)
      const { user, system } = process.cpuUsage(before)
      return (user + system) / rounds
    })
    expect(Math.min(...tookUs)).toBeLessThan(400)
  })
})

describe('a root that is cross-signed', () => {
  it('is a path from the old root to what the new one signs', async () => {
    const old = await createLine(undefined, 2)
    const fresh = await createLine(undefined, 2)
    const cross = crossSign({ issuer: old.rootIssuer, certificate: fresh.root, span })
    expect(facts(cross).subject.equals(facts(fresh.root).subject)).toBe(true)
    expect(facts(cross)).toMatchObject({
      pathLength: 1,
      subjectKeyId: facts(fresh.root).subjectKeyId,
    })
    const chain = svid(fresh.issuer) + fresh.intermediate
    expect(validateChain(chain, fresh.root, now)).toMatchObject({ ok: true })
    expect(validateChain(chain, old.root, now)).toMatchObject({ ok: false })
    expect(validateChain(chain + cross, old.root, now)).toMatchObject({ ok: true })
  })

  it('needs an old root that may have two CAs below it', async () => {
    const old = await createLine()
    const fresh = await createLine()
    const options = { issuer: old.rootIssuer, certificate: fresh.root, span }
    expect(() => crossSign(options)).toThrow(expect.objectContaining({ code: 'PATH_TOO_SHORT' }))
  })
})

// biome-ignore format: a table
const CONSTRAINTS: [string, WantedConstraints | 'none' | undefined][] = [
  ['as they are without being asked for', undefined],
  ['none',                                'none'],
  ['host names and addresses too',        { permitted: { dns: ['localhost', 'test'], ips: ['127.0.0.0/8', '::1/128'] } }],
  ['an excluded host name',               { excluded: { dns: ['secret.test'], ips: ['10.0.0.0/8'] } }],
]

describe.skipIf(!has('openssl') || !has('certtool'))(
  'openssl and certtool accept, with name constraints',
  () => {
    it.each(CONSTRAINTS)('%s, every kind of certificate', async (_, constraints) => {
      const { root, intermediate, issuer } = await createLine(constraints)
      for (const leaf of [svid(issuer), svid(issuer, ['localhost', '127.0.0.1']), server(issuer)]) {
        expect(judge([leaf, intermediate], root)).toEqual({ openssl: true, certtool: true })
        expect(validateChain(leaf + intermediate, root, now)).toMatchObject({ ok: true })
      }
    })

    it('a cross-signed root', async () => {
      const [old, fresh] = [await createLine(undefined, 2), await createLine(undefined, 2)]
      const cross = crossSign({ issuer: old.rootIssuer, certificate: fresh.root, span })
      const chain = [svid(fresh.issuer), fresh.intermediate, cross]
      expect(judge(chain, old.root)).toEqual({ openssl: true, certtool: true })
    })

    it('and refuse what they forbid', async () => {
      const { root, intermediate, issuer } = await createLine({
        permitted: { dns: ['inside.test'] },
      })
      const outside = svid(issuer, ['outside.test'])
      expect(judge([outside, intermediate], root)).toEqual({ openssl: false, certtool: false })
      expect(validateChain(outside + intermediate, root, now)).toMatchObject({ ok: false })
      // GnuTLS does not know constraints of URIs.
      const options = { issuer, id: spiffeId('evil.local', 'x'), publicKey: keys.publicKey, span }
      const foreign = createSvid(options)
      expect(judge([foreign, intermediate], root)).toEqual({ openssl: false, certtool: true })
      expect(validateChain(foreign + intermediate, root, now)).toMatchObject({ ok: false })
    })
  },
)

/** Whether a chain, leaf first, is good to OpenSSL, at its strictest, and to GnuTLS. */
function judge(chain: readonly string[], root: string): { openssl: boolean; certtool: boolean } {
  using folder = temporaryFolder()
  const path = (name: string) => join(folder.path, name)
  const [leaf = '', ...issuers] = chain
  writeFileSync(path('leaf'), leaf)
  writeFileSync(path('issuers'), issuers.join(''))
  writeFileSync(path('root'), root)
  const options = [
    '-x509_strict',
    '-check_ss_sig',
    '-CAfile',
    path('root'),
    '-untrusted',
    path('issuers'),
  ]
  const openssl = spawnSync('openssl', ['verify', ...options, path('leaf')])
  const certtool = spawnSync('certtool', ['--verify-chain'], { input: [...chain, root].join('') })
  return { openssl: openssl.status === 0, certtool: certtool.status === 0 }
}

it.skipIf(!has('openssl'))('openssl reads the addresses of CRL and OCSP', () => {
  const text = execFileSync('openssl', ['x509', '-noout', '-text'], { input: server(pki.issuer) })
  expect(text.toString()).toMatch(
    /CRL Distribution Points:\s+Full Name:\s+URI:http:\/\/localhost\/crl\/a.crl/,
  )
  expect(text.toString()).toContain('OCSP - URI:http://localhost/ocsp')
})
