import { createHash, randomBytes, type X509Certificate } from 'node:crypto'
import type { Server } from 'node:https'
import type { TLSSocket } from 'node:tls'
import { workloadName } from '@countersign/contract'
import type { ProvenPeer } from '@countersign/ground/x509'
import { CUT_REASONS, type CutReason, type PeerProver, proverOf } from '@countersign/layers'
import { LEAVE_MS_MAX, LEAVE_WRITE_MS_MAX } from '../limits.ts'
import { cutCounter } from '../trust/trust-metrics.ts'
import type { Workload } from '../workload.ts'
import { connectedPeer, notePeer, peerOf } from './peer.ts'
import { PeerRefusals, type RefusedPeer } from './refusals.ts'

/** Open connections with one certificate. */
interface Guest {
  readonly leaf: X509Certificate
  readonly peer: ProvenPeer
  readonly name: string
  readonly sockets: Set<TLSSocket>
}
interface Fault {
  readonly reason: RefusedPeer
  readonly text: string
}
const TICKET_KEY_BYTES = 48

/*
 * Who is let in at a door, and for how long.
 *
 * At each handshake, also of a resumed session, after OpenSSL has verified the chain:
 *  1. the path from the certificate to a root of the bundle as it is now passes our own validation
 *  2. its SPIFFE id is that of a workload of the trust domain
 *  3. it was not taken back, and somebody can tell
 *
 * At each change of what was taken back: the tickets of resumed sessions become void, and whom rule 3 refuses is cut off at once.
 * At each change of the bundle: whom rule 1 refuses now is let go as soon as the answers that are owed are there.
 */
export class Guests {
  readonly #workload: Workload
  readonly #server: Server
  readonly #prover: PeerProver
  readonly #refused: (facts: { reason: RefusedPeer }) => void
  readonly #cut: (reason: CutReason) => void
  readonly #refusals: PeerRefusals
  readonly #guests = new Map<string, Guest>()
  readonly #stop: readonly (() => void)[]
  #bundle: string

  constructor(workload: Workload, server: Server) {
    const { identity, metrics } = workload
    this.#workload = workload
    this.#server = server
    this.#prover = proverOf(identity)
    this.#bundle = identity.bundle()
    this.#refusals = new PeerRefusals(workload.audit, workload.name)
    this.#cut = cutCounter(metrics)
    const refused = metrics.counter(
      'countersign_tls_refused_total',
      'Connections that ended before the first byte of a request',
      ['reason'],
    )
    this.#refused = (labels) => refused.inc(labels)
    this.#stop = [
      identity.onChange(() => this.#rootsMayHaveChanged()),
      identity.revocations.onChange(() => this.#takenBack()),
    ]
    server.on('secureConnection', (socket: TLSSocket) => this.#admit(socket))
    server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) =>
      this.#failed(error, socket),
    )
  }
  close(): void {
    for (const stop of this.#stop) stop()
  }

  #admit(socket: TLSSocket): void {
    const leaf = socket.getPeerX509Certificate()
    const thumbprint = leaf === undefined ? '' : thumbprintOf(leaf)
    const known = this.#guests.get(thumbprint)
    // A connection more with a certificate that was proven under the same roots, and is within its time.
    const stands = known !== undefined && Date.now() <= known.peer.notAfter
    const guest = stands ? known : this.#prove(socket, leaf)
    if ('text' in guest) {
      this.#refuse(socket, guest, { key: thumbprint })
      return
    }
    const refusal = this.#workload.identity.revocations.refusalOf(guest.peer)
    const { id, serial } = guest.peer
    if (refusal !== undefined) {
      const fault: Fault = { reason: CUT_REASONS[refusal] as RefusedPeer, text: FAULTS[refusal] }
      this.#refuse(socket, fault, { key: thumbprint, id, serial })
      return
    }
    if (!stands) this.#guests.set(thumbprint, guest)
    guest.sockets.add(socket)
    notePeer(socket, connectedPeer(guest, thumbprint, socket))
    socket.once('close', () => this.#gone(socket, thumbprint, guest))
  }
  #gone(socket: TLSSocket, thumbprint: string, guest: Guest): void {
    guest.sockets.delete(socket)
    if (guest.sockets.size === 0 && this.#guests.get(thumbprint) === guest)
      this.#guests.delete(thumbprint)
  }

  #prove(socket: TLSSocket, leaf: X509Certificate | undefined): Guest | Fault {
    if (leaf === undefined) return { reason: 'identity', text: 'it showed no certificate' }
    const peer = this.#prover.prove(socket, 'client')
    if (!peer.ok) return { reason: 'chain', text: peer.fault }
    const { trustDomain } = this.#workload
    const name = workloadName(trustDomain, peer.id)
    if (name === undefined)
      return { reason: 'identity', text: `${peer.id} is not a workload of ${trustDomain}` }
    return { leaf, peer, name, sockets: new Set() }
  }

  #refuse(
    socket: TLSSocket,
    { reason, text }: Fault,
    who: { key: string; id?: string; serial?: string },
  ): void {
    notePeer(socket, text)
    this.#refused({ reason })
    const address = socket.remoteAddress
    this.#refusals.record({ ...who, reason, fault: text, address }, Date.now())
    socket.destroy()
  }

  /** The handshake itself has failed. OpenSSL's verdict on a certificate has a name; everything else is noise of the net. */
  #failed(error: NodeJS.ErrnoException, socket: TLSSocket): void {
    const verdict: unknown = socket.authorizationError
    if (typeof verdict !== 'string') {
      this.#refused({ reason: error.code === 'ECONNRESET' ? 'reset' : 'handshake' })
      return
    }
    this.#refused({ reason: 'chain' })
    this.#refusals.record(
      { reason: 'chain', fault: `OpenSSL: ${verdict}`, key: verdict },
      Date.now(),
    )
  }

  #takenBack(): void {
    // A session that is resumed shows nothing new: it would come in by what was good when it began.
    this.#server.setTicketKeys(randomBytes(TICKET_KEY_BYTES))
    for (const [thumbprint, guest] of [...this.#guests]) {
      const refusal = this.#workload.identity.revocations.refusalOf(guest.peer)
      if (refusal === undefined) continue
      this.#guests.delete(thumbprint)
      for (const socket of guest.sockets) this.#cutOff(socket, refusal)
      const { id, serial } = guest.peer
      const reason = CUT_REASONS[refusal] as RefusedPeer
      this.#refusals.record(
        { reason, fault: FAULTS[refusal], key: thumbprint, id, serial },
        Date.now(),
      )
    }
  }
  /** No request is taken any more from here on; the connection ends in the same moment. */
  #cutOff(socket: TLSSocket, refusal: 'REVOKED' | 'LIST_TOO_OLD'): void {
    notePeer(socket, FAULTS[refusal])
    this.#cut(CUT_REASONS[refusal])
    // What was answered before leaves first: an authority tells a workload that its certificate was taken back.
    setImmediate(() => socket.destroy())
  }

  #rootsMayHaveChanged(): void {
    const { identity } = this.#workload
    const bundle = identity.bundle()
    if (bundle === this.#bundle) return
    this.#bundle = bundle
    for (const [thumbprint, guest] of [...this.#guests]) {
      if (this.#prover.prove(guest.leaf, 'client').ok) continue
      this.#guests.delete(thumbprint)
      for (const socket of guest.sockets) this.#letGo(socket)
    }
  }
  /** Its workload has renewed long ago, or it would not have come to this: what is under way may end well. */
  #letGo(socket: TLSSocket): void {
    const peer = peerOf(socket)
    this.#cut('retired')
    if (typeof peer === 'string') {
      socket.destroy()
      return
    }
    const last = setTimeout(() => socket.destroy(), LEAVE_MS_MAX).unref()
    socket.once('close', () => clearTimeout(last))
    peer.leave = () => {
      socket.end()
      setTimeout(() => socket.destroy(), LEAVE_WRITE_MS_MAX).unref()
    }
    if (peer.owed === 0) peer.leave()
  }
}

const FAULTS = {
  REVOKED: 'it was taken back',
  LIST_TOO_OLD: 'what was taken back is not known any more: no authority has answered in time',
} as const

function thumbprintOf(certificate: X509Certificate): string {
  return createHash('sha256').update(certificate.raw).digest('base64url')
}
