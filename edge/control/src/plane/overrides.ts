import type { Id } from '@countersign/kong'

/** What an operator has said of a target. It holds until the checks of a gateway find otherwise. */
export interface Override {
  readonly target: Id
  readonly upstream: Id
  readonly healthy: boolean
  /** Milliseconds since 1970. */
  readonly at: number
}
