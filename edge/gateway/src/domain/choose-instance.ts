/*
 * - the instance with the fewest calls under way that its breaker lets pass; of equals, in turn
 * - what was tried for this request is not tried again
 */
export interface Candidate {
  readonly id: string
  readonly inFlight: number
  /** Whether its circuit breaker lets a call pass now. */
  readonly open: boolean
}

/** Picks an instance; `undefined` where none may be called. `turn` goes up with each call. */
export function chooseInstance<C extends Candidate>(
  candidates: readonly C[],
  options: { readonly tried: ReadonlySet<string>; readonly turn: number },
): C | undefined {
  let best: C | undefined
  for (let i = 0; i < candidates.length; i++) {
    const each = candidates[(i + options.turn) % candidates.length]
    if (each === undefined || !each.open || options.tried.has(each.id)) continue
    if (best === undefined || each.inFlight < best.inFlight) best = each
  }
  return best
}

const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Whether a request may be sent again after a failure without an answer (RFC 9110 section 9.2.2). The contract has the
 * last word; what it calls idempotent beyond the methods needs a key by which the service knows a repetition.
 */
export function mayRepeat(
  method: string,
  options: { readonly idempotent: boolean; readonly mounted: boolean; readonly hasKey: boolean },
): boolean {
  if (SAFE.has(method)) return options.idempotent || options.mounted
  if (!options.idempotent) return false
  return method === 'PUT' || method === 'DELETE' || options.hasKey
}
