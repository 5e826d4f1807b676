import { createHash } from 'node:crypto'
import { LIMITED_KEY_CHARS_MAX, MEMBER_LEASE_MS } from './limits.ts'

/*
 * What Redis keeps, and the scripts that change it. See limiter-shared.ts for what it is all for.
 *
 * All keys lie in one slot of a cluster (the tag `{one}`), so that any of them can be decided in one step:
 *
 *   limit:{one}:members      hash: l<i> until when instance i counts as there, n<i> the time (of windows) when it last
 *                            said so, k<i> when that was by the clock of leases, e<i> that it has told all it knows,
 *                            p<i> its process, g<i> that it has left, t<i> that somebody has taken what was its own; born and bornn: since when the instances are gathering, by both clocks;
 *                            of how many they are, resized when that was another number last (time of windows)
 *   limit:{one}:wants        hash: `<lender> <key>` -> `<start> <max> <borrower>`: who is asked to hand over rights
 *   limit:{one}:<name>:<key> hash, one window: w its start, c requests that passed, b at least so many, u<i> of these by
 *                            instance i, x<i> rights that i was given, less those it gave
 *   limit:{one}:smooth:<key> string: when the bucket is full again, in microseconds since 1970
 *
 * Time is that of Redis, so that all instances agree on where windows begin.
 */
export interface Script {
  readonly source: string
  readonly sha: string
}
export const script = (source: string): Script => ({
  source,
  sha: createHash('sha1').update(source).digest('hex'),
})

/** All keys of limits lie under one prefix, for the rights of the Redis user. */
const PREFIX = 'limit:{one}:'
export const MEMBERS_KEY: string = `${PREFIX}members`
export const WANTS_KEY: string = `${PREFIX}wants`

/** The key of one window, or of the bucket (`smooth`), of what is limited. */
export const redisKey = (name: string, key: string): string =>
  `${PREFIX}${name}:${key.slice(0, LIMITED_KEY_CHARS_MAX)}`
/** What was given to `redisKey`; `undefined` for a key that it has not made. */
export function partsOfKey(text: string): { name: string; key: string } | undefined {
  const at = text.indexOf(':', PREFIX.length)
  if (!text.startsWith(PREFIX) || at < 0) return undefined
  return { name: text.slice(PREFIX.length, at), key: text.slice(at + 1) }
}

/** What an answer begins with, after the time. */
export const REFUSED = 0
export const TAKEN = 1
/** Rights have been asked for: try again. */
export const WAIT = 2
/** Redis does not know this instance (any more): it has to join. */
export const UNKNOWN = 3

/*
 * KEYS[1] is `members`; ARGV begins with the time in milliseconds (empty: that of Redis), the same for leases, this
 * instance's index, and how many there are.
 */
export const HEAD = `
local now, clock = tonumber(ARGV[1]), tonumber(ARGV[2])
if not now or not clock then
  local time = redis.call('TIME')
  local real = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  now, clock = now or real, clock or real
end
local own, of = tonumber(ARGV[3]), tonumber(ARGV[4])
local head = redis.call('HMGET', KEYS[1], 'l' .. own, 'resized')
local mine, resized = tonumber(head[1]), tonumber(head[2]) or -1
`
export const RENEW = `redis.call('HSET', KEYS[1], 'l' .. own, clock + ${MEMBER_LEASE_MS}, 'n' .. own, now)`
/** Numbers of the hash of members. */
export const MEMBERS = `
local function member(...)
  local v = redis.call('HMGET', KEYS[1], ...)
  return tonumber(v[1]), tonumber(v[2]), tonumber(v[3])
end
`
/** Whoever is not there (any more) changes nothing: its answer may come long after it was given up. */
export const MEMBER = `${HEAD}
if not mine or mine <= clock then return { now, ${UNKNOWN} } end
if mine - clock < ${MEMBER_LEASE_MS - 1_000} then ${RENEW} end
`
/** Start and end of a window, as windowAt() of the contract has them; days of the civil calendar since 1970. */
export const WINDOWS = `
local function span(name, at)
  local length = name == 'second' and 1000 or name == 'minute' and 60000 or name == 'hour' and 3600000
    or name == 'day' and 86400000
  if length then
    local starts = at - at % length
    return starts, starts + length
  end
  local z = math.floor(at / 86400000) + 719468
  local era = math.floor(z / 146097)
  local d = z - era * 146097
  local year = math.floor((d - math.floor(d / 1460) + math.floor(d / 36524) - math.floor(d / 146096)) / 365)
  local yday = d - (365 * year + math.floor(year / 4) - math.floor(year / 100))
  local shifted = math.floor((5 * yday + 2) / 153)
  local m = shifted < 10 and shifted + 3 or shifted - 9
  local y = year + era * 400 + (m <= 2 and 1 or 0)
  local function first(y, m)
    if m <= 2 then y = y - 1 end
    local era = math.floor(y / 400)
    local year = y - era * 400
    local day = math.floor((153 * ((m + 9) % 12) + 2) / 5)
    local days = year * 365 + math.floor(year / 4) - math.floor(year / 100) + day
    return (era * 146097 + days - 719468) * 86400000
  end
  if name == 'year' then return first(y, 1), first(y + 1, 1) end
  return first(y, m), first(m == 12 and y + 1 or y, m % 12 + 1)
end
local function share(total, i)
  return math.floor(total / of) + (i < total % of and 1 or 0)
end
local function begin(key, starts, ends)
  redis.call('DEL', key)
  redis.call('HSET', key, 'w', starts)
  redis.call('PEXPIRE', key, math.max(ends - now, 0) + 10000)
end
`
