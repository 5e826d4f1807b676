import { type KeyObject, X509Certificate } from 'node:crypto'
import { readCertificate } from './certificate.ts'
import { TAG } from './der.ts'
import { X509Error } from './errors.ts'
import { keyIdOf, spkiOf } from './key-id.ts'
import { OID } from './oids.ts'
import { writePem } from './pem.ts'
import { newSerial, writeSerial } from './serial.ts'
import { signMethodOf, writeSigned } from './sign-method.ts'
import { writeDer, writeOid, writeTime } from './write-der.ts'

/** When a certificate is valid, in milliseconds since 1970. Certificates count whole seconds: both ends round down. */
export interface Span {
  readonly notBefore: number
  readonly notAfter: number
}
/** Who signs: a CA certificate in PEM and its key. Keep the key as one object: what is known of it is remembered. */
export interface Issuer {
  readonly certificate: string
  readonly privateKey: KeyObject
}

/** What signing needs of an issuer. */
interface Signing {
  /** The Name of the issuer, byte by byte as its certificate has it. */
  readonly name: Buffer
  readonly keyId: string
  readonly privateKey: KeyObject
}

interface KnownIssuer extends Signing {
  /** SHA-1 of the bits of its key. Mostly the key id, which a certificate may say otherwise. */
  readonly keyHash: string
}
const known = new WeakMap<KeyObject, KnownIssuer & { readonly certificate: string }>()

/** Throws `X509Error` KEY_MISMATCH where the key is not that of the certificate, or MALFORMED. */
export function signingOf(issuer: Issuer): KnownIssuer {
  const before = known.get(issuer.privateKey)
  if (before?.certificate === issuer.certificate) return before
  const certificate = new X509Certificate(issuer.certificate)
  if (!certificate.checkPrivateKey(issuer.privateKey)) {
    throw new X509Error('KEY_MISMATCH', 'the key of the issuer does not belong to its certificate')
  }
  const signing = {
    name: readCertificate(certificate.raw).subject,
    keyId: keyIdOf(certificate),
    keyHash: keyIdOf(certificate.publicKey),
    privateKey: issuer.privateKey,
    certificate: issuer.certificate,
  }
  known.set(issuer.privateKey, signing)
  return signing
}

/** A Name (RFC 5280, 4.1.2.4) of our organization, with a common name where one is given. */
export function writeName(commonName?: string): Buffer {
  const organization = attribute(OID.organizationName, 'countersign')
  if (commonName === undefined) return writeDer(TAG.sequence, organization)
  return writeDer(TAG.sequence, organization, attribute(OID.commonName, commonName))
}

function attribute(oid: string, text: string): Buffer {
  const value = writeDer(TAG.utf8String, Buffer.from(text, 'utf8'))
  return writeDer(TAG.set, writeDer(TAG.sequence, writeOid(oid), value))
}

export interface ToSign {
  readonly by: Signing
  /** Lower case hex. A new random one where it is missing. */
  readonly serial?: string | undefined
  /** A Name in DER. */
  readonly subject: Buffer
  readonly publicKey: KeyObject
  readonly span: Span
  /** Each an `Extension` in DER, in their order. */
  readonly extensions: readonly Buffer[]
}

const VERSION_3 = writeDer(0xa0, writeDer(TAG.integer, Buffer.from([2])))

/** A certificate (RFC 5280, 4.1) with just these extensions. PEM. It judges nothing: that is for its callers. */
export function signCertificate(wanted: ToSign): string {
  const { by, span } = wanted
  const tbs = writeDer(
    TAG.sequence,
    VERSION_3,
    writeSerial(wanted.serial ?? newSerial()),
    signMethodOf(by.privateKey).algorithm,
    by.name,
    writeDer(TAG.sequence, writeTime(span.notBefore), writeTime(span.notAfter)),
    wanted.subject,
    spkiOf(wanted.publicKey),
    writeDer(0xa3, writeDer(TAG.sequence, ...wanted.extensions)),
  )
  return writePem(writeSigned(tbs, by.privateKey), 'CERTIFICATE')
}
