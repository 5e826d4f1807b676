import { type KeyObject, randomBytes, X509Certificate } from 'node:crypto'
import { type SpiffeId, spiffeId } from '../spiffe/index.ts'
import { createIntermediate, createRoot } from './issue.ts'
import { generateKeyPair } from './key-pair.ts'
import { type Library, loadLibrary, toSigningKey } from './library.fixture.ts'
import type { Issuer, Span } from './sign-certificate.ts'

/* Certificates for tests, among them such as no honest authority signs. */

export const DAY = 86_400_000
export const TD: SpiffeId = spiffeId('test.local')
export const ORDER: SpiffeId = spiffeId('test.local', 'service', 'order')

export interface Pki {
  readonly root: string
  readonly rootIssuer: Issuer
  readonly intermediate: string
  readonly issuer: Issuer
}

/** A root and an intermediate, valid for a day around `now`. */
export async function createPki(now: number = Date.now(), name = 'test'): Promise<Pki> {
  const keys = await generateKeyPair()
  const below = await generateKeyPair()
  const span = { notBefore: now - DAY, notAfter: now + DAY }
  const common = { trustDomainId: TD, span }
  const root = await createRoot({ ...common, commonName: `${name} root`, keys, pathLength: 1 })
  const rootIssuer = { certificate: root, privateKey: keys.privateKey }
  const intermediate = await createIntermediate({
    ...common,
    issuer: rootIssuer,
    commonName: `${name} intermediate`,
    publicKey: below.publicKey,
  })
  const issuer = { certificate: intermediate, privateKey: below.privateKey }
  return { root, rootIssuer, intermediate, issuer }
}

/** A root and an intermediate as the certificate library makes them, and as ours were made once. */
export async function signLibraryCa(
  span: Span,
): Promise<{ root: string; intermediate: string; issuer: Issuer }> {
  const [above, below] = [await generateKeyPair(), await generateKeyPair()]
  const x509 = await loadLibrary()
  const sign = async (name: string, by: string, keys: { subject: KeyObject; above: KeyPair }) => {
    const subject = keys.subject.export({ format: 'der', type: 'spki' })
    const issuer = keys.above.publicKey.export({ format: 'der', type: 'spki' })
    const certificate = await x509.X509CertificateGenerator.create({
      ...{ serialNumber: randomBytes(16).toString('hex'), subject: name, issuer: by },
      ...{ notBefore: new Date(span.notBefore), notAfter: new Date(span.notAfter) },
      ...{ publicKey: subject, signingKey: toSigningKey(keys.above.privateKey) },
      signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
      extensions: [
        new x509.BasicConstraintsExtension(true, name === by ? 1 : 0, true),
        new x509.KeyUsagesExtension(
          x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
          true,
        ),
        new x509.SubjectAlternativeNameExtension([{ type: 'url', value: TD }]),
        await x509.SubjectKeyIdentifierExtension.create(subject),
        await x509.AuthorityKeyIdentifierExtension.create(issuer),
      ],
    })
    return `${certificate.toString('pem')}\n`
  }
  const [upper, lower] = ['O=countersign, CN=root', 'O=countersign, CN=below']
  const root = await sign(upper, upper, { subject: above.publicKey, above })
  const intermediate = await sign(lower, upper, { subject: below.publicKey, above })
  return { root, intermediate, issuer: { certificate: intermediate, privateKey: below.privateKey } }
}
type KeyPair = Awaited<ReturnType<typeof generateKeyPair>>

/** Signs a certificate with just these extensions. */
export async function signAnything(
  issuer: Issuer,
  make: (x509: typeof Library) => readonly Library.Extension[],
  options: { publicKey?: KeyObject; notBefore?: number; notAfter?: number } = {},
): Promise<string> {
  const x509 = await loadLibrary()
  const publicKey = options.publicKey ?? (await generateKeyPair()).publicKey
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: randomBytes(16).toString('hex'),
    subject: 'CN=hostile',
    issuer: new x509.X509Certificate(issuer.certificate).subjectName,
    notBefore: new Date(options.notBefore ?? Date.now() - 1000),
    notAfter: new Date(options.notAfter ?? Date.now() + 60_000),
    publicKey: publicKey.export({ format: 'der', type: 'spki' }),
    signingKey: toSigningKey(issuer.privateKey),
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [
      ...make(x509),
      await x509.AuthorityKeyIdentifierExtension.create(
        new X509Certificate(issuer.certificate).publicKey.export({ format: 'der', type: 'spki' }),
      ),
    ],
  })
  return `${certificate.toString('pem')}\n`
}

/** The usual extensions of a leaf, in parts that a test can leave out or change. */
export function leafParts(
  x509: typeof Library,
  changes: {
    names?: Library.JsonGeneralNames
    ca?: boolean
    usage?: number
    usages?: string[]
  } = {},
): Library.Extension[] {
  const { digitalSignature } = x509.KeyUsageFlags
  const { serverAuth, clientAuth } = x509.ExtendedKeyUsage
  return [
    new x509.BasicConstraintsExtension(changes.ca ?? false, undefined, true),
    new x509.KeyUsagesExtension(changes.usage ?? digitalSignature, true),
    new x509.ExtendedKeyUsageExtension(changes.usages ?? [serverAuth, clientAuth]),
    new x509.SubjectAlternativeNameExtension(
      changes.names ?? [{ type: 'url', value: 'spiffe://test.local/service/order' }],
    ),
  ]
}
