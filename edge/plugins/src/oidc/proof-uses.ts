import { randomBytes } from 'node:crypto'
import type { PluginTools } from '@countersign/kong'
import { CLOCK_SKEW_SECONDS_MAX, DPOP_CLOCKS_APART_MS } from '../limits.ts'
import type { Proof } from './dpop-proof.ts'
import { SeenProofs } from './seen-proofs.ts'

/*
 * That a proof is used once over all gateways (RFC 9449 section 11.1):
 *
 * - the gateways' store knows all that were used, wherever: who is the first to put one there may use it
 * - where the store is away, full, or younger than a proof may be old, nobody knows. Then a proof is asked for that only
 *   this gateway takes, since this gateway's nonce is in it (section 9), and that its own memory knows
 * - a proof with the nonce of another gateway is never taken: that one may have taken it while it was cut off
 * - when the store is good again, clients are given the nonce that all gateways take (section 8.2), as if there were none
 *
 * So no proof is good twice, whatever is lost and comes back, and a client that can do nonces is never locked out.
 */
export type Used =
  /** `nonce`: what the next proof should have. */
  | { readonly verdict: 'first'; readonly nonce?: string }
  | { readonly verdict: 'seen' }
  | { readonly verdict: 'full' }
  /** Nobody knows; with `nonce` in it one would. */
  | { readonly verdict: 'unsure'; readonly nonce: string }

/** Promises nothing more than a lack of one: whether a proof was used is known to all. */
const ANY_GATEWAY = 'any-gateway'

export function createProofUses(
  { fleet, now, shared }: Pick<PluginTools, 'fleet' | 'now' | 'shared'>,
  lifetimeSeconds: number,
): (proof: Proof, now: number) => Promise<Used> {
  // From the first moment, a minute ahead, to the last.
  const windowMs = (Math.ceil(lifetimeSeconds) + CLOCK_SKEW_SECONDS_MAX) * 1000
  // One store for both: the nonce goes when it is forgotten what was taken with it.
  const kept = shared('openid-connect proofs', () => ({
    // Nobody guesses it, and the process before had another, whatever that has taken.
    own: `gateway-${randomBytes(16).toString('base64url')}`,
    seenByWindow: new Map<number, SeenProofs>(),
  }))
  const { own } = kept
  const seen = kept.seenByWindow.get(windowMs) ?? new SeenProofs(now(), windowMs)
  kept.seenByWindow.set(windowMs, seen)

  return async ({ id, nonce }, at) => {
    const here = seen.use(id, at)
    if (here !== 'first') return { verdict: here }
    const put = await fleet.putNew(`proof:${id}`, '', windowMs + DPOP_CLOCKS_APART_MS)
    if (put === 'there') return { verdict: 'seen' }
    const isKnown = put === 'put'
    if (nonce === own)
      return isKnown ? { verdict: 'first', nonce: ANY_GATEWAY } : { verdict: 'first' }
    const isForAny = nonce === undefined || nonce === ANY_GATEWAY
    if (isKnown && isForAny) return { verdict: 'first' }
    return { verdict: 'unsure', nonce: isKnown ? ANY_GATEWAY : own }
  }
}
