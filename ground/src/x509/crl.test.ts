import { execFileSync, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { has, temporaryFolder } from '../testkit/index.ts'
import { createCrl, REVOCATION_REASON, type RevokedEntry } from './create-crl.ts'
import { TAG } from './der.ts'
import { createSvid } from './issue.ts'
import { generateKeyPair } from './key-pair.ts'
import { loadLibrary } from './library.fixture.ts'
import { parseCrl, verifyCrl } from './parse-crl.ts'
import { newSerial } from './serial.ts'
import { signingOf } from './sign-certificate.ts'
import { signMethodOf, writeSigned } from './sign-method.ts'
import { writeDer, writeInteger, writeTime } from './write-der.ts'
import { authorityKeyIdentifier, basicConstraints, writeExtension } from './write-extensions.ts'
import { createPki, DAY, ORDER, type Pki } from './x509.fixture.ts'

const now = Math.floor(Date.now() / 1000) * 1000
const span = { notBefore: now - 1000, notAfter: now + DAY / 2 }
let pki: Pki
beforeAll(async () => {
  pki = await createPki(now)
})

const create = (revoked: readonly RevokedEntry[] = [], number = 7n) =>
  createCrl({ issuer: pki.issuer, number, thisUpdate: now, nextUpdate: now + DAY, revoked })

const ENTRIES: readonly RevokedEntry[] = [
  { serial: '1', at: now - 5000 },
  { serial: 'ff00', at: now - 4000, reason: REVOCATION_REASON.keyCompromise },
  { serial: newSerial(), at: Date.UTC(2051, 3), reason: REVOCATION_REASON.superseded },
]

describe('a list of revoked certificates', () => {
  it('is read back as it was written', () => {
    const facts = parseCrl(create(ENTRIES, 2n ** 150n))
    expect(facts).toMatchObject({ number: 2n ** 150n, thisUpdate: now, nextUpdate: now + DAY })
    expect(facts.revoked).toEqual(ENTRIES.map((entry) => ({ reason: undefined, ...entry })))
    expect(parseCrl(create()).revoked).toEqual([])
    expect(parseCrl(create([], 0n)).number).toBe(0n)
  })

  it('is what the certificate library takes for one', async () => {
    const x509 = await loadLibrary()
    const crl = new x509.X509Crl(create(ENTRIES))
    expect(await crl.verify({ publicKey: new x509.X509Certificate(pki.intermediate) })).toBe(true)
    expect(crl.entries.map(({ serialNumber }) => serialNumber.replace(/^0+/, ''))).toEqual(
      ENTRIES.map(({ serial }) => serial),
    )
  })

  it('is believed only if its issuer has signed it', async () => {
    const other = await createPki(now)
    const crl = create(ENTRIES)
    expect(verifyCrl(crl, pki.intermediate)).toBe(true)
    expect(verifyCrl(crl, pki.root)).toBe(false)
    expect(verifyCrl(crl, other.intermediate)).toBe(false)
    expect(verifyCrl(Buffer.alloc(0), pki.intermediate)).toBe(false)
    expect(verifyCrl(crl, 'no certificate')).toBe(false)
    const keys = await generateKeyPair()
    const leaf = createSvid({ issuer: pki.issuer, id: ORDER, publicKey: keys.publicKey, span })
    const usurper = { certificate: leaf, privateKey: keys.privateKey }
    const options = { number: 1n, thisUpdate: now, nextUpdate: now + DAY, revoked: [] }
    expect(verifyCrl(createCrl({ issuer: usurper, ...options }), leaf)).toBe(false)
  })

  it('holds a hundred thousand entries', () => {
    const many = Array.from({ length: 100_000 }, () => ({ serial: newSerial(), at: now }))
    const crl = create(many)
    expect(verifyCrl(crl, pki.intermediate)).toBe(true)
    expect(parseCrl(crl).revoked.length).toBe(100_000)
  })

  it('in which any bit is flipped is not believed', () => {
    const crl = create(ENTRIES)
    fc.assert(
      fc.property(fc.nat(crl.length * 8 - 1), (bit) => {
        const bytes = Buffer.from(crl)
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        return !verifyCrl(bytes, pki.intermediate)
      }),
      { numRuns: 3_000 },
    )
  })

  it('that is any bytes is read or refused, and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(() => parseCrl(Buffer.from(bytes))).toThrow(
          expect.objectContaining({ code: 'MALFORMED' }),
        )
      }),
    )
  })
})

describe('a list that its issuer has signed is refused', () => {
  const entry = (extension: Buffer) =>
    writeDer(
      TAG.sequence,
      writeDer(
        TAG.sequence,
        writeInteger(Buffer.from([1])),
        writeTime(now),
        writeDer(TAG.sequence, extension),
      ),
    )
  const reason = (code: number, critical = false) =>
    entry(writeExtension('551d15', writeDer(TAG.enumerated, Buffer.from([code])), critical))
  const number = (value = writeInteger(Buffer.from([1])), critical = false) =>
    writeExtension('551d14', value, critical)
  const key = () => authorityKeyIdentifier(signingOf(pki.issuer).keyId)

  // biome-ignore format: a table
  const cases: [string, () => Buffer, string][] = [
    ['of version 1',                    () => sign({ version: [] }),                                 'version 2'],
    ['without extensions',              () => sign({ extensions: undefined }),                       'no extensions'],
    ['without a number',                () => sign({ extensions: [key()] }),                         'lacks its number'],
    ['without a key id',                () => sign({ extensions: [number()] }),                      'lacks its number'],
    ['with a negative number',          () => sign({ extensions: [key(), number(Buffer.from('0201ff', 'hex'))] }), 'negative'],
    ['that is partial (critical)',      () => sign({ extensions: [key(), number(), writeExtension('551d1c', writeDer(TAG.sequence), true)] }), 'critical'],
    ['with an extension twice',         () => sign({ extensions: [key(), number(), number()] }),     'twice'],
    ['without nextUpdate',              () => sign({ nextUpdate: [] }),                              'time is missing'],
    ['with an empty list of entries',   () => sign({ entries: [writeDer(TAG.sequence)] }),           'left out'],
    ['with the reason 7',               () => sign({ entries: [reason(7)] }),                        'reason is not known'],
    ['with a critical entry extension', () => sign({ entries: [reason(1, true)] }),                  'critical'],
    ['with other entry extensions critical', () => sign({ entries: [entry(basicConstraints())] }),   'critical'],
  ]
  it.each(cases)('%s', (_, make, why) => {
    const crl = make()
    expect(() => parseCrl(crl)).toThrow(why)
    expect(verifyCrl(crl, pki.intermediate)).toBe(false)
  })

  it('while the same parts as they should be are accepted', () => {
    expect(parseCrl(sign({ entries: [reason(1)] })).revoked).toMatchObject([
      { serial: '1', reason: 1 },
    ])
  })

  function sign(changes: {
    version?: Buffer[]
    nextUpdate?: Buffer[]
    entries?: Buffer[]
    extensions?: Buffer[] | undefined
  }): Buffer {
    const { name, privateKey } = signingOf(pki.issuer)
    const extensions = 'extensions' in changes ? changes.extensions : [key(), number()]
    const tbs = writeDer(
      TAG.sequence,
      ...(changes.version ?? [writeInteger(Buffer.from([1]))]),
      signMethodOf(privateKey).algorithm,
      name,
      writeTime(now),
      ...(changes.nextUpdate ?? [writeTime(now + DAY)]),
      ...(changes.entries ?? []),
      ...(extensions === undefined ? [] : [writeDer(0xa0, writeDer(TAG.sequence, ...extensions))]),
    )
    return writeSigned(tbs, privateKey)
  }
})

describe.skipIf(!has('openssl'))('openssl', () => {
  it('accepts the list, and refuses what is on it', async () => {
    using folder = temporaryFolder()
    const path = (name: string) => join(folder.path, name)
    const { publicKey } = await generateKeyPair()
    const issue = (serial: string) =>
      createSvid({ issuer: pki.issuer, id: ORDER, publicKey, span, serial })
    const [bad = '', good = ''] = [newSerial(), newSerial()]
    writeFileSync(path('crl.der'), create([{ serial: bad, at: now, reason: 1 }]))
    writeFileSync(path('root.pem'), pki.root)
    writeFileSync(path('ca.pem'), pki.intermediate)
    writeFileSync(path('bad.pem'), issue(bad))
    writeFileSync(path('good.pem'), issue(good))
    const crl = ['crl', '-in', path('crl.der'), '-inform', 'DER']
    const checked = spawnSync('openssl', [...crl, '-noout', '-CAfile', path('ca.pem'), '-verify'], {
      encoding: 'utf8',
    })
    expect(checked.stderr).toContain('verify OK')
    const text = execFileSync('openssl', [...crl, '-noout', '-text'], { encoding: 'utf8' })
    expect(text).toMatch(/X509v3 CRL Number:\s+7/)
    expect(text).toContain('Key Compromise')
    execFileSync('openssl', [...crl, '-out', path('crl.pem')])
    const verify = (name: string) =>
      spawnSync(
        'openssl',
        [
          'verify',
          '-x509_strict',
          '-crl_check',
          '-CRLfile',
          path('crl.pem'),
          '-CAfile',
          path('root.pem'),
          '-untrusted',
          path('ca.pem'),
          path(name),
        ],
        { encoding: 'utf8' },
      )
    expect(verify('good.pem').stdout).toContain('good.pem: OK')
    expect(verify('bad.pem').stderr).toContain('certificate revoked')
  })
})
