import type { NewAuditEvent } from '@countersign/contract/platform'
import { TURNED_AWAY_MS, TURNED_AWAY_SOURCES_MAX } from './limits.ts'
import { REFUSALS, type RefusalCode } from './refusal.ts'

/** Connections of one source that ended by its own fault before there was a request. */
export interface TurnedAway {
  readonly why: string
  /** `undefined`: of sources that were too many to be told apart. */
  readonly address: string | undefined
  readonly connections: number
}

/** Sums up who was turned away, so that a flood of connections is no flood of records. */
export class TurnedAwaySum {
  readonly #tell: (sum: TurnedAway) => void
  #sums = new Map<string, { why: string; address: string | undefined; connections: number }>()
  #timer: NodeJS.Timeout | undefined

  /** `tell` hears each source once in TURNED_AWAY_MS. */
  constructor(tell: (sum: TurnedAway) => void) {
    this.#tell = tell
  }
  add(why: string, address: string): void {
    const known = this.#sums.get(`${why} ${address}`)
    if (known !== undefined) known.connections++
    else if (this.#sums.size < TURNED_AWAY_SOURCES_MAX)
      this.#sums.set(`${why} ${address}`, { why, address, connections: 1 })
    else this.#addToOthers(why)
    this.#timer ??= setTimeout(() => this.flush(), TURNED_AWAY_MS).unref()
  }
  /** Tells what there is. */
  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const sums = this.#sums
    this.#sums = new Map()
    for (const sum of sums.values()) this.#tell(sum)
  }
  #addToOthers(why: string): void {
    const others = this.#sums.get(why)
    if (others === undefined) this.#sums.set(why, { why, address: undefined, connections: 1 })
    else others.connections++
  }
}

/** The record of a sum: `gateway.connection` at the gateway's door, `balancer.connection` at the balancer's. */
export function turnedAwayEvent(
  { why, address, connections }: TurnedAway,
  at: { readonly door: string; readonly code: RefusalCode; readonly rule: string },
): NewAuditEvent {
  const { door, code, rule } = at
  return {
    action: `${door}.connection`,
    userId: null,
    status: 'refused',
    event: { kind: 'event', category: ['network'], type: ['denied'], code },
    ...(address === undefined ? {} : { client: { ip: address } }),
    countersign: {
      ...{ door, hinge: REFUSALS[code].hinge, rule },
      details: { why, connections: String(connections) },
    },
  }
}
