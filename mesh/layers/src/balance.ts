/** An instance as far as the choice goes. */
export interface Candidate {
  /** Requests that it has to answer yet. */
  readonly inFlight: number
  /** Whether its breaker lets a request in. */
  readonly available: boolean
}

/**
 * Picks an instance: of two available ones at random the one with less to do. Close to the best choice, without the herd that
 * runs after the one best instance. `random` gives numbers from 0 up to 1; `except` was tried already and is taken only
 * where there is no other. `undefined`: none is available.
 */
export function pickInstance<C extends Candidate>(
  candidates: readonly C[],
  random: () => number,
  except?: C,
): C | undefined {
  const able = candidates.filter((candidate) => candidate.available && candidate !== except)
  if (able.length < 2) return able[0] ?? (except?.available === true ? except : undefined)
  const at = Math.floor(random() * able.length)
  const other = Math.floor(random() * (able.length - 1))
  const first = able[at]
  const second = able[other < at ? other : other + 1]
  if (first === undefined || second === undefined) return first ?? second
  return second.inFlight < first.inFlight ? second : first
}
