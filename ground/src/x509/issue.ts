import { type KeyObject, randomBytes, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import type { SpiffeId } from '../spiffe/index.ts'
import { X509Error } from './errors.ts'
import { type Library, loadLibrary, toSigningKey } from './library.ts'
import { SERIAL_BYTES } from './limits.ts'

/** When a certificate is valid, in milliseconds since 1970. Certificates count whole seconds: both ends round down. */
export interface Span {
  readonly notBefore: number
  readonly notAfter: number
}
/** Who signs: a CA certificate in PEM and its P-256 key. */
export interface Issuer {
  readonly certificate: string
  readonly privateKey: KeyObject
}

/** A self-signed root of a trust domain. `commonName` should be unique: chains are found by it. PEM. */
export async function createRoot(options: {
  trustDomainId: SpiffeId
  commonName: string
  keys: { readonly privateKey: KeyObject; readonly publicKey: KeyObject }
  span: Span
  pathLength: number
}): Promise<string> {
  const x509 = await loadLibrary()
  const { keys, commonName } = options
  const name = caName(x509, commonName)
  return sign({
    ...{ subject: name, issuerName: name, issuerKey: keys.publicKey, signingKey: keys.privateKey },
    ...{ publicKey: keys.publicKey, span: options.span },
    extensions: caExtensions(x509, options.trustDomainId, options.pathLength),
  })
}

/** A CA below another. It may sign leaves only. PEM. */
export async function createIntermediate(options: {
  issuer: Issuer
  trustDomainId: SpiffeId
  commonName: string
  publicKey: KeyObject
  span: Span
}): Promise<string> {
  const x509 = await loadLibrary()
  return sign({
    ...signedBy(x509, options.issuer),
    ...{
      subject: caName(x509, options.commonName),
      publicKey: options.publicKey,
      span: options.span,
    },
    extensions: caExtensions(x509, options.trustDomainId, 0),
  })
}

/**
 * An X.509-SVID of a workload: one URI name, for both sides of TLS. PEM. `hostNames` stand beside it, for clients that
 * can check no SPIFFE id (X.509-SVID, section 2, allows them); workloads never look at them.
 */
export async function createSvid(options: {
  issuer: Issuer
  id: SpiffeId
  hostNames?: readonly string[]
  publicKey: KeyObject
  span: Span
}): Promise<string> {
  const x509 = await loadLibrary()
  return sign({
    ...signedBy(x509, options.issuer),
    ...{ subject: leafName(x509), publicKey: options.publicKey, span: options.span },
    extensions: leafExtensions(x509, {
      names: [{ type: 'url', value: options.id }, ...(options.hostNames ?? []).map(hostName)],
      usages: [x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth],
    }),
  })
}

/**
 * A server certificate for the public: host names and IP addresses, no SPIFFE id, so that no door takes it for a
 * workload's. PEM. Throws `TypeError` for a name that is neither.
 */
export async function createServerCertificate(options: {
  issuer: Issuer
  names: readonly string[]
  publicKey: KeyObject
  span: Span
}): Promise<string> {
  const x509 = await loadLibrary()
  if (options.names.length === 0) throw new TypeError('a server certificate needs a name')
  return sign({
    ...signedBy(x509, options.issuer),
    ...{ subject: leafName(x509), publicKey: options.publicKey, span: options.span },
    extensions: leafExtensions(x509, {
      names: options.names.map(hostName),
      usages: [x509.ExtendedKeyUsage.serverAuth],
    }),
  })
}

const HOST_NAME = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,62})(?:\.[a-z0-9](?:[a-z0-9-]{0,62}))*$/

/** Whether a certificate can be for this name: an IP address, or a host name in lower case without wildcard. */
export function isServerName(name: string): boolean {
  return isIP(name) !== 0 || HOST_NAME.test(name)
}

function hostName(name: string): { type: 'ip' | 'dns'; value: string } {
  if (isIP(name) !== 0) return { type: 'ip', value: name }
  if (!isServerName(name)) throw new TypeError(`not a host name: ${JSON.stringify(name)}`)
  return { type: 'dns', value: name }
}

function caName(x509: typeof Library, commonName: string): Library.Name {
  return new x509.Name([{ O: ['countersign'] }, { CN: [commonName] }])
}

/** The same for all: a workload's name is its SPIFFE id, and nothing should be tempted to read another. */
function leafName(x509: typeof Library): Library.Name {
  return new x509.Name([{ O: ['countersign'] }])
}

function signedBy(
  x509: typeof Library,
  issuer: Issuer,
): { issuerName: Library.Name; issuerKey: KeyObject; signingKey: KeyObject } {
  const certificate = new X509Certificate(issuer.certificate)
  if (!certificate.checkPrivateKey(issuer.privateKey)) {
    throw new X509Error('KEY_MISMATCH', 'the key of the issuer does not belong to its certificate')
  }
  return {
    issuerName: new x509.X509Certificate(issuer.certificate).subjectName,
    issuerKey: certificate.publicKey,
    signingKey: issuer.privateKey,
  }
}

function caExtensions(
  x509: typeof Library,
  id: SpiffeId,
  pathLength: number,
): readonly Library.Extension[] {
  return [
    new x509.BasicConstraintsExtension(true, pathLength, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    new x509.SubjectAlternativeNameExtension([{ type: 'url', value: id }]),
  ]
}

function leafExtensions(
  x509: typeof Library,
  leaf: { names: Library.JsonGeneralNames; usages: Library.ExtendedKeyUsageType[] },
): readonly Library.Extension[] {
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension(leaf.usages),
    new x509.SubjectAlternativeNameExtension(leaf.names),
  ]
}

interface ToSign {
  readonly subject: Library.Name
  readonly issuerName: Library.Name
  readonly issuerKey: KeyObject
  readonly signingKey: KeyObject
  readonly publicKey: KeyObject
  readonly span: Span
  readonly extensions: readonly Library.Extension[]
}

async function sign(wanted: ToSign): Promise<string> {
  const x509 = await loadLibrary()
  const publicKey = wanted.publicKey.export({ format: 'der', type: 'spki' })
  const issuerKey = wanted.issuerKey.export({ format: 'der', type: 'spki' })
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: randomBytes(SERIAL_BYTES).toString('hex'),
    subject: wanted.subject,
    issuer: wanted.issuerName,
    notBefore: new Date(Math.floor(wanted.span.notBefore / 1000) * 1000),
    notAfter: new Date(Math.floor(wanted.span.notAfter / 1000) * 1000),
    publicKey,
    signingKey: toSigningKey(wanted.signingKey),
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [
      ...wanted.extensions,
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuerKey),
    ],
  })
  return `${certificate.toString('pem')}\n`
}
