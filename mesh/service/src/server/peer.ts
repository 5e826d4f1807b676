import type { TLSSocket } from 'node:tls'
import type { SpiffeId } from '@countersign/ground/spiffe'
import type { ProvenPeer } from '@countersign/ground/x509'

/** Who is on the other end of a connection, as its certificate has proven. */
export interface Peer {
  readonly id: SpiffeId
  /** Short name, as contracts use it. */
  readonly name: string
  readonly serial: string
  readonly lineage: string | undefined
  /** Milliseconds since 1970. */
  readonly notAfter: number
  readonly notAfterText: string
  /** RFC 8705: base64url SHA-256 of the certificate. */
  readonly thumbprint: string
  readonly tlsVersion: string
  readonly cipher: string
  /** Requests whose answer is owed. */
  owed: number
  /** Set when the connection is to end: called as soon as nothing is owed. */
  leave: (() => void) | undefined
}

const known = new WeakMap<TLSSocket, Peer | string>()

/** The peer of a connection that the door has let in; a text says why there is none. */
export function peerOf(socket: TLSSocket): Peer | string {
  return known.get(socket) ?? 'it was not let in'
}

/** For the door alone: what it found at the handshake, and what became of it. */
export function notePeer(socket: TLSSocket, peer: Peer | string): void {
  known.set(socket, peer)
}

/** A connection that was let in, with what was proven of its certificate. */
export function connectedPeer(
  { peer, name }: { readonly peer: ProvenPeer; readonly name: string },
  thumbprint: string,
  socket: TLSSocket,
): Peer {
  return {
    id: peer.id,
    name,
    serial: peer.serial,
    lineage: peer.lineage,
    notAfter: peer.notAfter,
    notAfterText: new Date(peer.notAfter).toISOString(),
    thumbprint,
    tlsVersion: socket.getProtocol() ?? 'unknown',
    cipher: socket.getCipher().name,
    owed: 0,
    leave: undefined,
  }
}
