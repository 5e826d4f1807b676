import { createHash, timingSafeEqual, X509Certificate } from 'node:crypto'
import { connect } from 'node:tls'
import { messageOf } from '@countersign/ground/errors'
import { readCertificate } from '@countersign/ground/x509'
import { ALPN_DIGEST_BYTES } from '../limits.ts'
import { AcmeProblem } from '../problem.ts'
import { firstAnswering, guardedAddresses, type Reach } from '../reach/guarded-addresses.ts'
import { UNAUTHENTICATED_TLS } from '../reach/unauthenticated-tls.ts'
import type { Proof } from './proof.ts'

/*
 * RFC 8737: the name's TLS server shows a certificate made for this one question.
 *
 * - it agrees on the protocol `acme-tls/1`, TLS 1.2 or later
 * - the certificate is signed by itself
 * - its one name is the name, as dNSName
 * - its acmeIdentifier is critical, and holds the digest of the key authorization
 */
const PROTOCOL = 'acme-tls/1'
/** 1.3.6.1.5.5.7.1.31 */
const ACME_IDENTIFIER = '2b0601050507011f'
const OCTET_STRING = 0x04

export async function proveByTls({ name, expected, signal }: Proof, reach: Reach): Promise<void> {
  const addresses = await guardedAddresses(name, reach)
  const der = await firstAnswering(addresses, (address) =>
    shownCertificate({ address, port: reach.tlsPort, name, signal }),
  )
  checkShown(der, { name, digest: createHash('sha256').update(expected).digest() })
}

/** Judges what was shown. Throws `AcmeProblem` incorrectResponse. */
export function checkShown(der: Buffer, expected: { name: string; digest: Buffer }): void {
  const fault = faultOf(der, expected)
  if (fault !== undefined)
    throw new AcmeProblem('incorrectResponse', `the certificate that was shown ${fault}`)
}

function faultOf(der: Buffer, { name, digest }: { name: string; digest: Buffer }) {
  try {
    const { dnsNames, ips, uris, otherNames, present, issuer, subject } = readCertificate(der)
    const names = dnsNames.length + ips.length + uris.length + otherNames
    if (names !== 1 || dnsNames[0]?.toLowerCase() !== name) return 'is not for this one name'
    const extension = present.get(ACME_IDENTIFIER)
    if (extension === undefined) return 'has no acmeIdentifier'
    if (!extension.critical) return 'has an acmeIdentifier that is not critical'
    const wanted = Buffer.concat([Buffer.from([OCTET_STRING, ALPN_DIGEST_BYTES]), digest])
    const { value } = extension
    if (value.length !== wanted.length || !timingSafeEqual(value, wanted))
      return 'is for another key authorization'
    const certificate = new X509Certificate(der)
    // Not `checkIssued`: it asks for usages of a CA, which some clients leave out of what they show.
    const own = issuer.equals(subject) && certificate.verify(certificate.publicKey)
    return own ? undefined : 'is not signed by itself'
  } catch {
    return 'cannot be read'
  }
}

interface Shown {
  readonly address: string
  readonly port: number
  readonly name: string
  readonly signal: AbortSignal
}

function shownCertificate({ address, port, name, signal }: Shown): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(unreachable(name))
    const socket = connect({
      ...{ host: address, port, servername: name, ALPNProtocols: [PROTOCOL] },
      // What is shown is judged by its own rules.
      ...UNAUTHENTICATED_TLS,
    })
    const end = (act: () => void): void => {
      signal.removeEventListener('abort', late)
      socket.destroy()
      act()
    }
    const late = (): void => end(() => reject(unreachable(name)))
    signal.addEventListener('abort', late, { once: true })
    socket.on('error', (error) => end(() => reject(refused(name, error))))
    socket.once('secureConnect', () => {
      const der = socket.getPeerX509Certificate()?.raw
      const spoke = socket.alpnProtocol === PROTOCOL
      end(() => (der !== undefined && spoke ? resolve(der) : reject(otherProtocol(name))))
    })
    socket.once('close', () => end(() => reject(unreachable(name))))
  })
}

function otherProtocol(name: string): AcmeProblem {
  return new AcmeProblem('tls', `${name} does not speak ${PROTOCOL}`)
}
function unreachable(name: string): AcmeProblem {
  return new AcmeProblem('connection', `${name} does not answer in time`)
}
function refused(name: string, error: Error): AcmeProblem {
  const type = /alert|SSL|TLS/i.test(String((error as NodeJS.ErrnoException).code))
    ? 'tls'
    : 'connection'
  const detail = `${name} cannot be reached for ${PROTOCOL}`
  return new AcmeProblem(type, detail, { cause: new Error(messageOf(error)) })
}
