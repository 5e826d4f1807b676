import { type KeyObject, X509Certificate } from 'node:crypto'
import type { SpiffeId } from '../spiffe/index.ts'
import { readCertificate } from './certificate.ts'
import { X509Error } from './errors.ts'
import { keyIdOf } from './key-id.ts'
import { nameConstraintsExtension, type WantedConstraints } from './name-constraints.ts'
import { OID } from './oids.ts'
import { newSerial } from './serial.ts'
import { serverName } from './server-name.ts'
import {
  type Issuer,
  type Span,
  signCertificate,
  signingOf,
  writeName,
} from './sign-certificate.ts'
import * as write from './write-extensions.ts'

/** A self-signed root of a trust domain. `commonName` should be unique: chains are found by it. PEM. */
export function createRoot(options: {
  trustDomainId: SpiffeId
  commonName: string
  keys: { readonly privateKey: KeyObject; readonly publicKey: KeyObject }
  span: Span
  /** How many CAs may stand between it and a leaf: one for an intermediate, one more to be cross-signed or to do so. */
  pathLength: number
  serial?: string
}): string {
  const { privateKey, publicKey } = options.keys
  const name = writeName(options.commonName)
  const keyId = keyIdOf(publicKey)
  return signCertificate({
    ...{ by: { name, keyId, privateKey }, serial: options.serial, subject: name },
    ...{ publicKey, span: options.span },
    extensions: [
      write.basicConstraints({ pathLength: options.pathLength }),
      write.keyUsage('keyCertSign', 'crlSign'),
      write.subjectAltName({ uri: options.trustDomainId }),
      write.subjectKeyIdentifier(keyId),
      write.authorityKeyIdentifier(keyId),
    ],
  })
}

/**
 * A CA below another. It may sign leaves only, and answers of OCSP by itself: therefore digitalSignature. PEM.
 * Its name constraints, critical, allow no URI but those of its trust domain; `nameConstraints` adds host names and
 * addresses, or says `none`. OpenSSL holds leaves to all of them; GnuTLS, which knows no URI constraints, to the others
 * (it would refuse every SVID below one that excludes a URI: so exclude none).
 */
export function createIntermediate(options: {
  issuer: Issuer
  trustDomainId: SpiffeId
  commonName: string
  publicKey: KeyObject
  span: Span
  nameConstraints?: WantedConstraints | 'none'
  serial?: string
}): string {
  const { trustDomainId, nameConstraints = {} } = options
  const uris = [trustDomainId.slice('spiffe://'.length)]
  const constraints =
    nameConstraints === 'none'
      ? []
      : [
          nameConstraintsExtension({
            ...nameConstraints,
            permitted: { uris, ...nameConstraints.permitted },
          }),
        ]
  return signBelow(options, writeName(options.commonName), [
    write.basicConstraints({ pathLength: 0 }),
    write.keyUsage('digitalSignature', 'keyCertSign', 'crlSign'),
    write.subjectAltName({ uri: trustDomainId }),
    ...constraints,
  ])
}

/**
 * An X.509-SVID of a workload: one URI name, for both sides of TLS. PEM. `hostNames` stand beside it, for clients that
 * can check no SPIFFE id (X.509-SVID, section 2, allows them); workloads never look at them. `lineage` is the serial
 * that its line of renewals began with; without one it begins a line of its own.
 */
export function createSvid(options: {
  issuer: Issuer
  id: SpiffeId
  hostNames?: readonly string[]
  publicKey: KeyObject
  span: Span
  serial?: string
  lineage?: string
}): string {
  const { serial = newSerial(), hostNames = [] } = options
  return signBelow({ ...options, serial }, LEAF_NAME, [
    write.basicConstraints(),
    write.keyUsage('digitalSignature'),
    write.extendedKeyUsage(OID.serverAuth, OID.clientAuth),
    write.subjectAltName({ uri: options.id }, ...hostNames.map((name) => serverName(name))),
    write.lineageExtension(options.lineage ?? serial),
  ])
}

/**
 * A server certificate for the public: host names and IP addresses, no SPIFFE id, so that no door takes it for a
 * workload's. `crlUrls` and `ocspUrls` say where its revocation is told. PEM. Throws `TypeError` for a name that is
 * neither; one with a `*` wants `wildcard`.
 */
export function createServerCertificate(options: {
  issuer: Issuer
  names: readonly string[]
  wildcard?: boolean
  publicKey: KeyObject
  span: Span
  serial?: string
  crlUrls?: readonly string[]
  ocspUrls?: readonly string[]
}): string {
  const { crlUrls = [], ocspUrls = [], wildcard = false } = options
  if (options.names.length === 0) throw new TypeError('a server certificate needs a name')
  return signBelow(options, LEAF_NAME, [
    write.basicConstraints(),
    write.keyUsage('digitalSignature'),
    write.extendedKeyUsage(OID.serverAuth),
    write.subjectAltName(...options.names.map((name) => serverName(name, { wildcard }))),
    ...(crlUrls.length === 0 ? [] : [write.crlDistributionPoints(crlUrls)]),
    ...(ocspUrls.length === 0 ? [] : [write.authorityInfoAccess(ocspUrls)]),
  ])
}

/**
 * A root's name and key once more, signed by another root: who knows only that other one can walk over it. PEM.
 * Throws `X509Error` PATH_TOO_SHORT where `issuer` may not have a CA with another one below it.
 */
export function crossSign(options: {
  issuer: Issuer
  certificate: string
  span: Span
  serial?: string
}): string {
  const root = new X509Certificate(options.certificate)
  const facts = readCertificate(root.raw)
  const above = readCertificate(new X509Certificate(options.issuer.certificate).raw)
  const own = facts.pathLength ?? 1
  const pathLength = Math.min(own, (above.pathLength ?? own + 1) - 1)
  if (!(pathLength >= Math.min(own, 1))) {
    throw new X509Error('PATH_TOO_SHORT', 'the issuer may not have another issuer below it')
  }
  return signBelow({ ...options, publicKey: root.publicKey }, facts.subject, [
    write.basicConstraints({ pathLength }),
    write.keyUsage('keyCertSign', 'crlSign'),
    ...facts.uris.map((uri) => write.subjectAltName({ uri })),
  ])
}

/** The same for all: a workload's name is its SPIFFE id, and nothing should be tempted to read another. */
const LEAF_NAME = writeName()

function signBelow(
  wanted: {
    readonly issuer: Issuer
    readonly publicKey: KeyObject
    readonly span: Span
    readonly serial?: string
  },
  subject: Buffer,
  extensions: readonly Buffer[],
): string {
  const by = signingOf(wanted.issuer)
  const { publicKey, span, serial } = wanted
  const keyId = write.subjectKeyIdentifier(keyIdOf(publicKey))
  return signCertificate({
    ...{ by, serial, subject, publicKey, span },
    extensions: [...extensions, keyId, write.authorityKeyIdentifier(by.keyId)],
  })
}
