import { createPrivateKey, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { z } from 'zod'
import { PEM_CHARS_MAX } from '../limits.ts'
import { conditional } from './entity-check.ts'
import { anyText, common, hostName, orNull, ref, set, text } from './kinds.ts'

const cert = text(
  (value) => (readCertificates(value) === undefined ? 'invalid certificate' : undefined),
  PEM_CHARS_MAX,
)
const key = text((value) => {
  try {
    createPrivateKey(value)
    return undefined
  } catch {
    // The reason could hold bytes of what was given.
    return 'invalid key'
  }
}, PEM_CHARS_MAX)

/** The certificates of a PEM text, leaf first; `undefined` where it is something else. */
export function readCertificates(pem: string): X509Certificate[] | undefined {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)
  try {
    return blocks?.map((block) => new X509Certificate(block))
  } catch {
    return undefined
  }
}

/** https://developer.konghq.com/gateway/entities/certificate/ */
export const certificateSchema = z
  .strictObject({
    ...common,
    cert,
    key,
    cert_alt: orNull(cert),
    key_alt: orNull(key),
    /** No field of the entity: each becomes a server name that leads to it. */
    snis: set(hostNameOrWildcard()).optional(),
  })
  .superRefine((certificate, context) => {
    const wrong = (message: string): void =>
      void context.addIssue({ code: 'custom', message, path: ['@entity'] })
    if (!belongs(certificate.cert, certificate.key)) wrong('certificate does not match key')
    else if (!serves(certificate.cert, certificate.key)) wrong(UNFIT)
    const { cert_alt: other, key_alt: otherKey } = certificate
    if (other === null && otherKey === null) return
    if (other === null)
      return conditional(context, 'key_alt', ['cert_alt', 'required field missing'])
    if (otherKey === null)
      return conditional(context, 'cert_alt', ['key_alt', 'required field missing'])
    if (!belongs(other, otherKey)) wrong('alternative certificate does not match key')
    else if (!serves(other, otherKey)) wrong(UNFIT)
    if (kindOf(other) === kindOf(certificate.cert))
      wrong(
        `certificate and alternative certificate need to have different type (e.g. RSA and ECDSA), the provided certificates were both of the same type '${kindOf(other)}'`,
      )
  })
const UNFIT = 'TLS cannot use the certificate: a weak key or signature, or text that is no PEM'

/** True as well where one of the two cannot be read: that is told of the field itself. */
function belongs(certs: string, key: string): boolean {
  const leaf = readCertificates(certs)?.[0]
  try {
    return leaf === undefined || leaf.checkPrivateKey(createPrivateKey(key))
  } catch {
    return true
  }
}
/** What TLS itself says: a gateway that cannot use one certificate could take no change at all. */
function serves(cert: string, key: string): boolean {
  if (readCertificates(cert) === undefined) return true
  try {
    createSecureContext({ cert, key })
    return true
  } catch {
    return false
  }
}
const kindOf = (certs: string): string =>
  readCertificates(certs)?.[0]?.publicKey.asymmetricKeyType ?? 'none'

/** https://developer.konghq.com/gateway/entities/ca-certificate/. `cert_digest` and expiry: see `fill-in.ts`. */
export const caCertificateSchema = z.strictObject({
  ...common,
  cert: text((value) => {
    const found = readCertificates(value)
    if (found === undefined) return 'invalid certificate'
    if (found.length !== 1) return 'please submit only one certificate at a time'
    return found[0]?.ca === true
      ? undefined
      : 'certificate does not appear to be a CA because it is missing the "CA" basic constraint'
  }, PEM_CHARS_MAX),
  cert_digest: anyText(64).optional(),
})

export const sniSchema = z.strictObject({ ...common, name: hostNameOrWildcard(), certificate: ref })

function hostNameOrWildcard() {
  return text((value) => {
    const plain = value.replace(/^\*\./, '').replace(/\.\*$/, '')
    if (value.startsWith('*.') && value.endsWith('.*')) return 'only one wildcard must be specified'
    if (plain.includes('*')) return 'wildcard must be leftmost or rightmost character'
    return hostName.safeParse(plain).success ? undefined : `invalid value: ${value}`
  }).overwrite((value) => value.toLowerCase())
}
