import type { Forecast, TrustState } from '@countersign/contract/platform'
import { activeRoot } from '../../trust/domain/trust-state.ts'

export type Finding = Forecast['findings'][number]

/** What a forecast is made from. Times in milliseconds since 1970. */
export interface Present {
  readonly now: number
  /** How far to look. */
  readonly at: number
  /** As it is to be read: intermediates follow their roots. */
  readonly state: TrustState
  /** When a CA ends, by its certificate. */
  readonly endOf: (certificate: string) => number
  /** Authorities that are up. */
  readonly up: readonly string[]
  readonly rotation: 'auto' | 'manual'
  readonly leafMs: number
  /** Roots whose keys lie in the vault. */
  readonly rootKeys: ReadonlySet<string>
  /** What workloads show at this time. */
  readonly shown: readonly {
    readonly who: string
    readonly issuer: string
    readonly notAfter: number
  }[]
  /** Certificates of clients outside of the mesh. */
  readonly outside: readonly {
    readonly name: string
    readonly issuer: string
    readonly notAfter: number
  }[]
  /** Until when the list of revocations of an issuer counts, by key id. */
  readonly lists: ReadonlyMap<string, number>
  /** How long doors go on when no authority answers. */
  readonly wordMs: number
}

/** Whether the schedule replaces the active root before it ends. It needs its key, to sign for those who know only it. */
export function renewsRoot({ rotation, state, rootKeys }: Present): boolean {
  const active = activeRoot(state.roots)
  return rotation === 'auto' && active !== undefined && rootKeys.has(active.id)
}

/** The beginning of a key id, for people. */
export function short(id: string): string {
  return id.slice(0, 12)
}
