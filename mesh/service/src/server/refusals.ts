import type { NewAuditEvent } from '@countersign/contract/platform'
import type { AuditWriter } from '../workload.ts'
import { REFUSED_AGAIN_MS, REFUSED_PEERS_MAX } from '../limits.ts'

/** Why a connection ends before its first request. Labels of a metric: few. */
export type RefusedPeer = 'revoked' | 'list_too_old' | 'chain' | 'identity' | 'handshake' | 'reset'

export interface PeerFacts {
  readonly reason: RefusedPeer
  readonly fault: string
  /** The same for each attempt of the same peer. */
  readonly key: string
  readonly id?: string
  readonly serial?: string
  readonly address?: string | undefined
}

const REMEDIES: Readonly<Record<string, string>> = {
  revoked: 'join anew with a fresh token',
  list_too_old: 'bring an authority back: countersign status',
}

/**
 * Puts refused peers on record: once for each certificate and reason, however often it knocks, and again after a while
 * with the number of attempts between. The peers that are remembered are bounded.
 */
export class PeerRefusals {
  readonly #audit: AuditWriter
  readonly #door: string
  readonly #seen = new Map<string, { at: number; since: number }>()

  constructor(audit: AuditWriter, door: string) {
    this.#audit = audit
    this.#door = door
  }

  record(facts: PeerFacts, now: number): void {
    const key = `${facts.reason} ${facts.key}`
    const last = this.#seen.get(key)
    if (last !== undefined && now - last.at < REFUSED_AGAIN_MS) {
      last.since++
      return
    }
    this.#seen.delete(key)
    this.#seen.set(key, { at: now, since: 0 })
    for (const oldest of this.#seen.keys()) {
      if (this.#seen.size <= REFUSED_PEERS_MAX) break
      this.#seen.delete(oldest)
    }
    this.#audit.record(refusedEvent(facts, this.#door, last?.since ?? 0))
  }
}

function refusedEvent(
  { reason, fault, id, serial, address }: PeerFacts,
  door: string,
  repeated: number,
): NewAuditEvent {
  return {
    action: 'peer.refuse',
    userId: null,
    status: 'refused',
    event: {
      kind: 'event',
      category: ['authentication', 'network'],
      type: ['connection', 'denied'],
      code: reason.toUpperCase(),
      reason: fault.slice(0, 512),
    },
    client: {
      ...(id === undefined ? {} : { workload: id.slice(0, 1_024) }),
      ...(address === undefined ? {} : { ip: address }),
    },
    ...(serial === undefined ? {} : { tls: { client: { serial } } }),
    countersign: {
      door,
      hinge: 'authenticate',
      rule: `peer certificate: ${fault}`.slice(0, 1_024),
      remedy: REMEDIES[reason] ?? 'call with a certificate of the authority',
      ...(repeated > 0 ? { repeated } : {}),
    },
  }
}
