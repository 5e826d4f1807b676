import type { TLSSocket } from 'node:tls'
import { CUT_REASONS, type CutReason, type RevocationList } from './revocation-list.ts'
import { type PeerEvidence, refusalText } from './upstream-connector.ts'
import { UpstreamError } from './upstream-error.ts'

/** The open connections to one workload, each with what it has proven. */
export class ProvenConnections {
  readonly #open = new Map<TLSSocket, PeerEvidence>()

  add(socket: TLSSocket, evidence: PeerEvidence): void {
    this.#open.set(socket, evidence)
    socket.once('close', () => this.#open.delete(socket))
  }
  /** Ends at once what leads to somebody who is believed no more. What runs there fails, and may go elsewhere. */
  cut(list: RevocationList, onCut: ((reason: CutReason) => void) | undefined): void {
    for (const [socket, { revocable, peerId }] of this.#open) {
      const refusal = list.refusalOf(revocable)
      if (refusal === undefined) continue
      onCut?.(CUT_REASONS[refusal])
      socket.destroy(new UpstreamError('PEER_REFUSED', `${peerId}: ${refusalText(refusal)}`))
    }
  }
}
