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
  let able = 0
  let last: C | undefined
  for (const each of candidates)
    if (each.available && each !== except) {
      able++
      last = each
    }
  if (able < 2) return last ?? (except?.available === true ? except : undefined)
  const at = Math.floor(random() * able)
  const other = Math.floor(random() * (able - 1))
  const first = ableAt(candidates, except, at)
  const second = ableAt(candidates, except, other < at ? other : other + 1)
  if (first === undefined || second === undefined) return first ?? second
  return second.inFlight < first.inFlight ? second : first
}

function ableAt<C extends Candidate>(
  candidates: readonly C[],
  except: C | undefined,
  at: number,
): C | undefined {
  let left = at
  for (const each of candidates) if (each.available && each !== except && left-- === 0) return each
  return undefined
}
