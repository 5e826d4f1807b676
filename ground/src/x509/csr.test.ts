import { execFileSync, spawnSync } from 'node:child_process'
import { generateKeyPairSync, type KeyObject, type webcrypto, X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { spiffeId } from '../spiffe/index.ts'
import { temporaryFolder } from '../testkit/index.ts'
import { createCsr } from './create-csr.ts'
import { generateKeyPair } from './key-pair.ts'
import { type Library, loadLibrary } from './library.fixture.ts'
import { parseCsr } from './parse-csr.ts'
import { readPem, writePem } from './pem.ts'

const hasOpenssl = spawnSync('openssl', ['version']).status === 0
const ID = spiffeId('test.local', 'service', 'order')

async function foreignCsr(
  algorithm: object,
  make: (
    x509: typeof Library,
  ) => Partial<Library.Pkcs10CertificateRequestCreateParams> = () => ({}),
): Promise<string> {
  const x509 = await loadLibrary()
  const keys = await crypto.subtle.generateKey(algorithm as webcrypto.EcKeyGenParams, true, [
    'sign',
    'verify',
  ])
  const signingAlgorithm = { hash: 'SHA-256', ...algorithm } as webcrypto.EcdsaParams
  const params = { keys, signingAlgorithm, ...make(x509) }
  return (await x509.Pkcs10CertificateRequestGenerator.create(params)).toString('pem')
}
const P256 = { name: 'ECDSA', namedCurve: 'P-256' }
const rsa = (modulusLength: number, exponent: number[]) => ({
  ...{ name: 'RSASSA-PKCS1-v1_5', modulusLength, hash: 'SHA-256' },
  publicExponent: new Uint8Array(exponent),
})

describe('a certificate request', () => {
  it('is read back as it was written', async () => {
    const { privateKey, publicKey } = await generateKeyPair()
    const csr = parseCsr(await createCsr({ id: ID, privateKey }))
    expect(csr.publicKey.equals(publicKey)).toBe(true)
    expect(csr).toMatchObject({ uris: [ID], dnsNames: [], ips: [], otherNames: 0, ca: false })
    expect(csr).toMatchObject({ subjectEmpty: true, otherAttributes: [] })
  })

  it.skipIf(!hasOpenssl)('is what the certificate library and openssl take for one', async () => {
    const { privateKey } = await generateKeyPair()
    const pem = await createCsr({ id: ID, privateKey })
    const x509 = await loadLibrary()
    const other = new x509.Pkcs10CertificateRequest(pem)
    expect(await other.verify()).toBe(true)
    const names = other.extensions.find((e) => e instanceof x509.SubjectAlternativeNameExtension)
    expect(names).toMatchObject({ critical: true })
    const text = execFileSync('openssl', ['req', '-verify', '-noout', '-text'], {
      input: pem,
      stdio: 'pipe',
    })
    expect(text.toString()).toContain(`URI:${ID}`)
  })

  it('of the library is read the same, with all that it asks for', async () => {
    const pem = await foreignCsr(P256, (x509) => ({
      name: 'CN=order',
      extensions: [
        new x509.BasicConstraintsExtension(true, 3, true),
        new x509.SubjectAlternativeNameExtension([
          { type: 'url', value: ID },
          { type: 'dns', value: 'localhost' },
          { type: 'ip', value: '127.0.0.1' },
          { type: 'email', value: 'a@b' },
        ]),
      ],
      attributes: [new x509.ChallengePasswordAttribute('secret')],
    }))
    const csr = parseCsr(pem)
    expect(csr).toMatchObject({ uris: [ID], dnsNames: ['localhost'], ips: ['7f000001'] })
    expect(csr).toMatchObject({ otherNames: 1, ca: true, pathLength: 3, subjectEmpty: false })
    expect(csr.otherAttributes).toEqual(['2a864886f70d010907'])
  })

  it('with RSA is read where that is allowed', async () => {
    const pem = await foreignCsr(rsa(2048, [1, 0, 1]))
    expect(() => parseCsr(pem)).toThrow(expect.objectContaining({ code: 'KEY_REFUSED' }))
    expect(parseCsr(pem, { keys: ['RSA'] }).publicKey.asymmetricKeyType).toBe('rsa')
  })

  // biome-ignore format: a table
  const weak: [string, object][] = [
    ['RSA with 1024 bits',    rsa(1024, [1, 0, 1])],
    ['RSA with exponent 3',   rsa(2048, [3])],
    ['P-521',                 { name: 'ECDSA', namedCurve: 'P-521' }],
  ]
  it.each(weak)(
    'with a key of %s is refused even where other keys are allowed',
    async (_, algorithm) => {
      const pem = await foreignCsr(algorithm)
      const keys = ['P-256', 'P-384', 'RSA'] as const
      expect(() => parseCsr(pem, { keys })).toThrow(
        expect.objectContaining({ code: 'KEY_REFUSED' }),
      )
    },
  )

  it.skipIf(!hasOpenssl)('of openssl, signed with SHA-1, is refused', () => {
    const key = pemOf(generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey)
    const pem = opensslCsr(key, '-sha1')
    expect(() => parseCsr(pem)).toThrow(expect.objectContaining({ code: 'PROOF_OF_POSSESSION' }))
    expect(parseCsr(opensslCsr(key, '-sha256')).subjectEmpty).toBe(false)
  })

  it.skipIf(!hasOpenssl)(
    'of openssl, with a curve spelled out instead of named, is refused',
    () => {
      const options = ['-name', 'prime256v1', '-genkey', '-noout', '-param_enc', 'explicit']
      const key = execFileSync('openssl', ['ecparam', ...options], { stdio: 'pipe' }).toString()
      expect(() => parseCsr(opensslCsr(key, '-sha256'))).toThrow(
        /curve of the public key is not named/,
      )
    },
  )

  it('signed by another key is refused', async () => {
    const pem = await createCsr({ id: ID, privateKey: (await generateKeyPair()).privateKey })
    const [der = Buffer.alloc(0)] = readPem(pem, 'CERTIFICATE REQUEST')
    const spki = (key: KeyObject) => key.export({ format: 'der', type: 'spki' })
    const at = der.indexOf(spki(parseCsr(pem).publicKey))
    spki((await generateKeyPair()).publicKey).copy(der, at)
    expect(() => parseCsr(writePem(der, 'CERTIFICATE REQUEST'))).toThrow(
      expect.objectContaining({ code: 'PROOF_OF_POSSESSION' }),
    )
  })

  it('in which any bit is flipped is refused', async () => {
    const pem = await createCsr({ id: ID, privateKey: (await generateKeyPair()).privateKey })
    const [der = Buffer.alloc(0)] = readPem(pem, 'CERTIFICATE REQUEST')
    fc.assert(
      fc.property(fc.nat(der.length * 8 - 1), (bit) => {
        const bytes = Buffer.from(der)
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        expect(() => parseCsr(writePem(bytes, 'CERTIFICATE REQUEST'))).toThrow(
          expect.objectContaining({ name: 'CodedError' }),
        )
      }),
      { numRuns: 3_000 },
    )
  })

  it.each([
    ['nothing', ''],
    ['no PEM', 'hello'],
    ['an empty block', writePem(Buffer.alloc(0), 'CERTIFICATE REQUEST')],
    ['a deep nest', writePem(Buffer.from('30'.repeat(4_000), 'hex'), 'CERTIFICATE REQUEST')],
    [
      'ten thousand empty values',
      writePem(
        Buffer.concat([Buffer.from('30823a98', 'hex'), Buffer.alloc(15_000)]),
        'CERTIFICATE REQUEST',
      ),
    ],
  ])('that is %s is refused', (_, pem) => {
    expect(() => parseCsr(pem)).toThrow(expect.objectContaining({ code: 'MALFORMED' }))
  })

  it('twice in one text is refused, and a certificate is none', async () => {
    const pem = await createCsr({ id: ID, privateKey: (await generateKeyPair()).privateKey })
    expect(() => parseCsr(pem + pem)).toThrow(/more than one/)
    expect(() => parseCsr(pem.replaceAll(' REQUEST', ''))).toThrow(/more than CERTIFICATE REQUEST/)
    expect(() => new X509Certificate(pem)).toThrow()
  })
})

function pemOf(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'pkcs8' }).toString()
}

function opensslCsr(key: string, digest: string): string {
  using folder = temporaryFolder()
  const file = join(folder.path, 'key.pem')
  writeFileSync(file, key)
  const options = ['-new', '-key', file, '-subj', '/CN=order', digest]
  return execFileSync('openssl', ['req', ...options], { stdio: 'pipe' }).toString()
}
