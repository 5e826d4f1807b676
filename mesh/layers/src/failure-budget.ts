import { addressKey } from './address-key.ts'
import { FAILING_ADDRESSES_MAX, FAILURES_PER_SECOND_MAX } from './limits.ts'
import { Refusal } from './refusal.ts'
import type { VerifiedToken } from './token.ts'
import type { CachingTokenVerifier } from './token-verifier.ts'

/** How many tokens of one address may fail in a second before they are refused unread. */
export interface FailureBudget {
  /** Throws `Refusal` RATE_LIMITED while the budget of `address` is spent. */
  admit(address: string): void
  /** Counts a failure of `address`. */
  fail(address: string): void
}

/** Makes a budget for one door. Bounded: beyond the number of addresses it knows in one second, all others share one budget. */
export function createFailureBudget(
  options: { perSecond?: number; addressesMax?: number; now?: () => number } = {},
): FailureBudget {
  const { perSecond = FAILURES_PER_SECOND_MAX, addressesMax = FAILING_ADDRESSES_MAX } = options
  const { now = Date.now } = options
  const failures = new Map<string, number>()
  let second = 0
  const keyOf = (address: string): string => {
    const current = Math.floor(now() / 1000)
    if (current !== second) failures.clear()
    second = current
    const key = addressKey(address)
    return failures.has(key) || failures.size < addressesMax ? key : 'others'
  }
  return {
    admit(address) {
      if ((failures.get(keyOf(address)) ?? 0) >= perSecond) throw tooManyFailures()
    },
    fail(address) {
      const key = keyOf(address)
      failures.set(key, (failures.get(key) ?? 0) + 1)
    },
  }
}

const tooManyFailures = (): Refusal =>
  new Refusal('RATE_LIMITED', {
    detail: 'Too many invalid tokens came from this address. Try again in a second.',
    rule: 'token: too many invalid ones from this address in this second',
    remedy: 'stop sending tokens that are not valid',
    headers: { 'retry-after': '1' },
  })

/**
 * Verifies a token within the budget of its address. Tokens in the cache pass whatever the address has spent, so that
 * a forger cannot lock out those who share its address. Answers and throws like `verify`, and RATE_LIMITED.
 */
export function verifyWithin(
  budget: FailureBudget,
  verifier: CachingTokenVerifier,
  asked: { readonly token: string; readonly peerThumbprint?: string | undefined; address: string },
): VerifiedToken | Promise<VerifiedToken> {
  const { token, peerThumbprint, address } = asked
  const known = verifier.recall(token, peerThumbprint)
  if (known !== undefined) return known
  budget.admit(address)
  try {
    const verified = verifier.verify(token, peerThumbprint)
    if (!(verified instanceof Promise)) return verified
    return verified.catch((error: unknown) => failed(budget, address, error))
  } catch (error) {
    return failed(budget, address, error)
  }
}

function failed(budget: FailureBudget, address: string, error: unknown): never {
  if (error instanceof Refusal && error.code === 'TOKEN_INVALID') budget.fail(address)
  throw error
}
