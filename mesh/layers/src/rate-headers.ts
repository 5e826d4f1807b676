import { WINDOW_NAMES } from '@countersign/contract'
import type { JointVerdict, LimitState, LimitVerdict } from './limiter.ts'
import { Refusal } from './refusal.ts'

/**
 * Adds the response headers that tell a caller where it stands: `RateLimit` and `RateLimit-Policy`
 * (draft-ietf-httpapi-ratelimit-headers-11), Kong's `X-RateLimit-*` for each window and `RateLimit-*` for the tightest (of two, the longer),
 * and `Retry-After` on a refusal. `flat`: name, value, name, value …
 */
export function addRateHeaders(
  flat: string[],
  {
    allowed,
    windows,
    retryAfterSeconds,
  }: Pick<LimitVerdict, 'allowed' | 'windows' | 'retryAfterSeconds'>,
): void {
  let policies = ''
  let states = ''
  let tightest: LimitState | undefined
  for (const window of windows) {
    const { name, max, remaining, resetSeconds, seconds } = window
    const comma = policies === '' ? '' : ', '
    policies += `${comma}"${name}";q=${max};w=${seconds}`
    states += `${comma}"${name}";r=${remaining};t=${resetSeconds}`
    flat.push(limitName(name), String(max), remainingName(name), String(remaining))
    if (tightest === undefined || remaining <= tightest.remaining) tightest = window
  }
  if (tightest !== undefined) addTightest(flat, tightest, policies, states)
  if (!allowed) flat.push('retry-after', String(Math.max(retryAfterSeconds, 1)))
}

function addTightest(
  flat: string[],
  { max, remaining, resetSeconds }: LimitState,
  policies: string,
  states: string,
): void {
  flat.push('ratelimit-policy', policies, 'ratelimit', states, 'ratelimit-limit', String(max))
  flat.push('ratelimit-remaining', String(remaining), 'ratelimit-reset', String(resetSeconds))
}

const LIMIT_NAMES: ReadonlyMap<string, string> = namesOf('x-ratelimit-limit-')
const REMAINING_NAMES: ReadonlyMap<string, string> = namesOf('x-ratelimit-remaining-')
const limitName = (window: string): string =>
  LIMIT_NAMES.get(window) ?? `x-ratelimit-limit-${window}`
const remainingName = (window: string): string =>
  REMAINING_NAMES.get(window) ?? `x-ratelimit-remaining-${window}`
function namesOf(family: string): ReadonlyMap<string, string> {
  return new Map([...WINDOW_NAMES, 'burst'].map((window) => [window, family + window]))
}

/** The same as an object. */
export function rateHeaders(
  verdict: Pick<LimitVerdict, 'allowed' | 'windows' | 'retryAfterSeconds'>,
): Record<string, string> {
  const flat: string[] = []
  addRateHeaders(flat, verdict)
  const headers: Record<string, string> = {}
  for (let i = 0; i + 1 < flat.length; i += 2) headers[flat[i] ?? ''] = flat[i + 1] ?? ''
  return headers
}

/** The headers for several limits at once. Where two have a window of the same name, the tighter one is told. */
export function jointRateHeaders(joint: JointVerdict): Record<string, string> {
  const windows = new Map<string, LimitState>()
  for (const verdict of joint.verdicts)
    for (const window of verdict.windows) {
      const known = windows.get(window.name)
      if (known === undefined || window.remaining < known.remaining)
        windows.set(window.name, window)
    }
  return rateHeaders({ ...joint, windows: [...windows.values()] })
}

/** The refusal of a request that is over its limit, with the headers above. */
export function rateLimited(verdict: LimitVerdict): Refusal {
  const full = verdict.windows.filter(({ remaining }) => remaining === 0)
  const names = full.map(({ name, max }) => `${max}/${name}`).join(', ')
  const waitSeconds = Math.max(verdict.retryAfterSeconds, 1)
  return new Refusal('RATE_LIMITED', {
    detail: `Too many requests. Try again in ${waitSeconds} s.`,
    rule: `limit: ${names === '' ? 'the share of this instance' : names} is used up`,
    remedy: `wait ${waitSeconds} s, or raise the limit of the endpoint in its contract`,
    headers: rateHeaders(verdict),
  })
}
