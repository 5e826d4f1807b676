import { FAULTS_MAX } from '../limits.ts'

/** Something in the log that is not as it was signed. */
export type Fault =
  | { readonly kind: 'checkpoint'; readonly what: string }
  | { readonly kind: 'entry'; readonly index: number; readonly path: string; readonly what: string }
  | { readonly kind: 'tile'; readonly path: string; readonly what: string }

export interface LogVerdict {
  readonly ok: boolean
  /** Name of the log, as in its key. */
  readonly origin: string
  /** Entries that the checkpoint covers; 0 where there is no good checkpoint. */
  readonly size: number
  /** Root hash in hex; empty where there is no good checkpoint. */
  readonly root: string
  /** The first faults, in the order of the log; entries before tiles. */
  readonly faults: readonly Fault[]
  /** All faults, also those that are not listed. */
  readonly faultCount: number
}

/** Collects faults up to a bound, and counts the others. */
export class Report {
  readonly faults: Fault[] = []
  count = 0

  add(fault: Fault): void {
    this.count++
    if (this.faults.length < FAULTS_MAX) this.faults.push(fault)
  }
  verdict(of: Pick<LogVerdict, 'origin' | 'size' | 'root'>): LogVerdict {
    return { ...of, ok: this.count === 0, faults: this.faults, faultCount: this.count }
  }
}
