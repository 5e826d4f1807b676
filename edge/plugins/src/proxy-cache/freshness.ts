import type { FlatHeaders } from '@countersign/kong'
import CachePolicy from 'http-cache-semantics'
import type { ProxyCacheConfig } from './config.ts'
import { ageOf, combined, type Directives, dateOf, readDirectives, secondsOf } from './fields.ts'

/*
 * How long an answer may be used, by RFC 9111. The arithmetic is that of http-cache-semantics; it is given fields that
 * are read strictly, and only those that it reads as the RFC means them. What a shared cache must not do is decided here:
 *
 * - private, no-store, Set-Cookie and Vary: * are never stored
 * - an answer to a request with credentials is stored only if it says that it is for all
 * - must-revalidate, proxy-revalidate and s-maxage: never used stale
 * - nothing is guessed: without a lifetime there is none, or the operator's cache_ttl
 */
export interface Freshness {
  /** Says that everybody may have it, whoever has asked first. */
  readonly isForAll: boolean
  /** The same, for a request that a cookie may have made personal. */
  readonly isPublic: boolean
  readonly staleIfErrorS: number
  readonly mustRevalidate: boolean
  readonly lifetimeS: number
  /** Seconds. */
  age(): number
  /** Whether it may be used for a request with these directives without asking the service. */
  satisfies(request: Directives, pragma: string | undefined): boolean
}
export interface Answered {
  readonly status: number
  readonly headers: FlatHeaders
}
type Rules = Pick<ProxyCacheConfig, 'cache_control' | 'cache_ttl'>
type RulesNow = Rules & { readonly nowMs: number }

/** `undefined`: must not be stored. */
export function freshnessOf(
  { status, headers }: Answered,
  rules: Rules,
  now: () => number,
): Freshness | undefined {
  const directives = readDirectives(combined(headers, 'cache-control'))
  if (directives.has('no-store') || directives.has('private')) return undefined
  if (combined(headers, 'set-cookie') !== undefined) return undefined
  if (/(?:^|,)\s*\*\s*(?:,|$)/.test(combined(headers, 'vary') ?? '')) return undefined
  const Policy = policyWith(now)
  const policy = new Policy(
    ANYBODY,
    { status, headers: plainFields(headers, directives, { ...rules, nowMs: now() }) },
    RULES,
  )
  if (!policy.storable()) return undefined
  const mustRevalidate = ['must-revalidate', 'proxy-revalidate', 's-maxage', 'no-cache'].some(
    (name) => directives.has(name),
  )
  const isPublic = directives.has('public') || directives.has('s-maxage')
  return {
    isPublic,
    isForAll: isPublic || directives.has('must-revalidate'),
    staleIfErrorS: mustRevalidate ? 0 : secondsOf(directives.get('stale-if-error')),
    mustRevalidate,
    lifetimeS: policy.maxAge(),
    age: () => policy.age(),
    satisfies: (request, pragma) =>
      policy.satisfiesWithoutRevalidation({
        method: 'GET',
        url: '',
        headers: requestFields(request, pragma, mustRevalidate),
      }),
  }
}

const ANYBODY = { method: 'GET', url: '', headers: {} }
const RULES = { shared: true, cacheHeuristic: 0, immutableMinTimeToLive: 0 }

const policies = new WeakMap<() => number, typeof CachePolicy>()
/** The library's policy with a clock. */
function policyWith(now: () => number): typeof CachePolicy {
  const known = policies.get(now)
  if (known !== undefined) return known
  class Policy extends CachePolicy {
    now(): number {
      return now()
    }
  }
  policies.set(now, Policy)
  return Policy
}

/** What the library computes with: a lifetime, an age, a date. */
function plainFields(
  headers: FlatHeaders,
  directives: Directives,
  rules: RulesNow,
): Record<string, string> {
  const fields: Record<string, string> = { age: String(ageOf(combined(headers, 'age'))) }
  const date = combined(headers, 'date')
  if (dateOf(date) !== undefined && date !== undefined) fields.date = date
  const lifetime = lifetimeOf(headers, directives, rules)
  const isOld = directives.has('no-cache') || (directives.size === 0 && saysNoCache(headers))
  fields['cache-control'] = isOld ? 'no-cache, s-maxage=0' : `s-maxage=${lifetime}`
  return fields
}
const saysNoCache = (headers: FlatHeaders): boolean =>
  readDirectives(combined(headers, 'pragma')).has('no-cache')

/** RFC 9111 section 4.2.1, in seconds. Where the operator has set a time, it is the longest. */
function lifetimeOf(headers: FlatHeaders, directives: Directives, rules: RulesNow): number {
  const longest = rules.cache_control ? Number.POSITIVE_INFINITY : rules.cache_ttl
  for (const name of ['s-maxage', 'max-age']) {
    const argument = directives.get(name)
    if (argument !== undefined) return Math.min(secondsOf(argument), longest)
  }
  const expires = combined(headers, 'expires')
  if (expires === undefined) return rules.cache_control ? 0 : rules.cache_ttl
  const from = dateOf(combined(headers, 'date')) ?? rules.nowMs
  const seconds = Math.floor(((dateOf(expires) ?? 0) - from) / 1_000)
  return Math.min(Math.max(seconds, 0), longest)
}

/** What of a client's wishes the library is told: never one for something that must not be used stale. */
function requestFields(
  directives: Directives,
  pragma: string | undefined,
  mustRevalidate: boolean,
): Record<string, string> {
  const wishes: string[] = []
  if (directives.has('no-cache')) wishes.push('no-cache')
  for (const name of ['max-age', 'min-fresh'])
    if (directives.has(name)) wishes.push(`${name}=${secondsOf(directives.get(name))}`)
  const stale = directives.get('max-stale')
  if (stale !== undefined && !mustRevalidate)
    wishes.push(stale === true ? 'max-stale' : `max-stale=${secondsOf(stale)}`)
  return {
    ...(wishes.length === 0 ? {} : { 'cache-control': wishes.join(', ') }),
    ...(pragma !== undefined && directives.size === 0 ? { pragma } : {}),
  }
}
