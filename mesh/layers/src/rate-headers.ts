import type { LimitVerdict } from './limiter.ts'
import { Refusal } from './refusal.ts'

/**
 * The response headers that tell a caller where it stands: `RateLimit` and `RateLimit-Policy`
 * (draft-ietf-httpapi-ratelimit-headers-11), Kong's `X-RateLimit-*`, and `Retry-After` on a refusal.
 */
export function rateHeaders(verdict: LimitVerdict): Record<string, string> {
  const headers: Record<string, string> = {}
  const policies: string[] = []
  const states: string[] = []
  for (const { name, max, remaining, resetSeconds } of verdict.windows) {
    policies.push(`"${name}";q=${max};w=${SECONDS[name] ?? 1}`)
    states.push(`"${name}";r=${remaining};t=${resetSeconds}`)
    headers[`x-ratelimit-limit-${name}`] = String(max)
    headers[`x-ratelimit-remaining-${name}`] = String(remaining)
  }
  headers['ratelimit-policy'] = policies.join(', ')
  headers.ratelimit = states.join(', ')
  if (!verdict.allowed) headers['retry-after'] = String(Math.max(verdict.retryAfterSeconds, 1))
  return headers
}
const SECONDS: Readonly<Record<string, number>> = {
  second: 1,
  minute: 60,
  hour: 3_600,
  day: 86_400,
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
