import { createHash, type X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { workloadName } from '@countersign/contract'
import type { SpiffeId } from '@countersign/ground/spiffe'
import { checkSvid } from '@countersign/ground/x509'

/** Who is on the other end of a connection, as its certificate has proven. */
export interface Peer {
  readonly id: SpiffeId
  /** Short name, as contracts use it. */
  readonly name: string
  readonly serial: string
  /** Milliseconds since 1970. */
  readonly notAfter: number
  readonly notAfterText: string
  /** RFC 8705: base64url SHA-256 of the certificate. */
  readonly thumbprint: string
  readonly tlsVersion: string
  readonly cipher: string
}

const known = new WeakMap<TLSSocket, Peer | string>()

/**
 * The peer of a connection whose chain TLS has verified already; a text says why there is none.
 * Read once a connection: a certificate cannot change while it lasts.
 */
export function peerOf(socket: TLSSocket, trustDomain: string): Peer | string {
  let peer = known.get(socket)
  if (peer === undefined) {
    peer = readPeer(socket, trustDomain)
    known.set(socket, peer)
  }
  return peer
}

function readPeer(socket: TLSSocket, trustDomain: string): Peer | string {
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return 'no certificate'
  const svid = checkSvid(certificate)
  if (!svid.ok) return svid.fault
  const name = workloadName(trustDomain, svid.id)
  if (name === undefined) return `${svid.id} is not a workload of ${trustDomain}`
  return {
    id: svid.id,
    name,
    serial: certificate.serialNumber.toLowerCase(),
    notAfter: Date.parse(certificate.validTo),
    notAfterText: new Date(certificate.validTo).toISOString(),
    thumbprint: thumbprint(certificate),
    tlsVersion: socket.getProtocol() ?? 'unknown',
    cipher: socket.getCipher().name,
  }
}

function thumbprint(certificate: X509Certificate): string {
  return createHash('sha256').update(certificate.raw).digest('base64url')
}
