import { createHash } from 'node:crypto'
import { LIMITED_KEY_CHARS_MAX } from './limits.ts'

/*
 * One hash for each limited key, so that all its windows are decided in one atomic step, on one node of a cluster.
 * For each window, named by its length in seconds:
 *   i<seconds>  number of the window
 *   c<seconds>  requests that passed in it
 *   a<seconds>  how many of these were carried over after Redis had been away
 * The hash ends with its longest window. Time is that of Redis, so that all instances agree on where windows begin.
 */
export interface Script {
  readonly source: string
  readonly sha: string
}
const script = (source: string): Script => ({
  source,
  sha: createHash('sha1').update(source).digest('hex'),
})

/** All keys of limits lie under one prefix, for the rights of the Redis user. */
export const redisKey = (key: string): string => `limit:${key.slice(0, LIMITED_KEY_CHARS_MAX)}`

const NOW = `
local now = tonumber(ARGV[1])
if now == nil then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
local ends = 0
`

/** ARGV: now in ms or '', then seconds and max of each window. Answers now, 1 or 0, then the count of each window. */
export const TAKE = script(`${NOW}
local counts, indexes, allowed = {}, {}, 1
for w = 2, #ARGV, 2 do
  local seconds, max = ARGV[w], tonumber(ARGV[w + 1])
  local index = math.floor(now / (tonumber(seconds) * 1000))
  local stored = redis.call('HMGET', KEYS[1], 'i' .. seconds, 'c' .. seconds)
  local count = 0
  if tonumber(stored[1]) == index then count = tonumber(stored[2]) end
  counts[w], indexes[w] = count, index
  if count >= max then allowed = 0 end
  ends = math.max(ends, (index + 1) * tonumber(seconds) * 1000)
end
local reply = { now, allowed }
for w = 2, #ARGV, 2 do
  local seconds, count = ARGV[w], counts[w] + allowed
  if allowed == 1 then
    redis.call('HSET', KEYS[1], 'i' .. seconds, indexes[w], 'c' .. seconds, count)
    if count == 1 then redis.call('HSET', KEYS[1], 'a' .. seconds, 0) end
  end
  reply[#reply + 1] = count
end
if allowed == 1 then redis.call('PEXPIRE', KEYS[1], ends - now + 1000) end
return reply
`)

/*
 * After Redis was away: each instance tells what Redis had told it before (`known`) and what it let pass since (`unsent`).
 * If Redis lost its data, the highest `known` of all instances restores the count; every `unsent` is added once.
 */
/** ARGV: now in ms or '', then seconds, index, known and unsent of each window. Answers 1 in a list. */
export const CARRY_OVER = script(`${NOW}
for w = 2, #ARGV, 4 do
  local seconds, index = ARGV[w], tonumber(ARGV[w + 1])
  local known, unsent = tonumber(ARGV[w + 2]), tonumber(ARGV[w + 3])
  local stored = redis.call('HMGET', KEYS[1], 'i' .. seconds, 'c' .. seconds, 'a' .. seconds)
  local at, count, added = tonumber(stored[1]) or -1, 0, 0
  if at == index then count, added = tonumber(stored[2]), tonumber(stored[3]) or 0 end
  if at <= index then
    count = math.max(count - added, known) + added + unsent
    redis.call('HSET', KEYS[1], 'i' .. seconds, index, 'c' .. seconds, count, 'a' .. seconds, added + unsent)
  end
  ends = math.max(ends, (index + 1) * tonumber(seconds) * 1000)
end
local left = redis.call('PTTL', KEYS[1])
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('PEXPIRE', KEYS[1], math.max(left, ends - now + 1000, 1000))
end
return { 1 }
`)
