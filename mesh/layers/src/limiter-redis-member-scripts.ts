import {
  HEAD,
  MEMBER,
  MEMBERS,
  REFUSED,
  RENEW,
  type Script,
  script,
  TAKEN,
  WINDOWS,
} from './limiter-redis-keys.ts'

/* The scripts by which instances come, stay, hand over rights, tell what they know, and go. */

/**
 * Says that this instance is there, and has things to tell. ARGV: its process. Answers the time, 0 where Redis knows
 * nothing of it, 1 where it knows what this process told, 2 where others may have acted for it, and the time of leases.
 * Where they are another number than before all shares are others, so that nobody knows what is its own of open windows.
 */
export const JOIN: Script = script(`${HEAD}
if tonumber(redis.call('HGET', KEYS[1], 'of')) ~= of then
  if redis.call('EXISTS', KEYS[1]) == 1 then
    redis.call('HSET', KEYS[1], 'resized', now)
    for i = 0, of - 1 do redis.call('HSET', KEYS[1], 't' .. i, 1) end
  end
  redis.call('HSET', KEYS[1], 'of', of)
end
if not mine or mine <= clock then redis.call('HSET', KEYS[1], 'born', clock, 'bornn', now) end
local process = redis.call('HGET', KEYS[1], 'p' .. own)
local taken = redis.call('HDEL', KEYS[1], 't' .. own, 'g' .. own)
local known = 0
if taken > 0 or process then known = process == ARGV[5] and taken == 0 and 1 or 2 end
redis.call('HDEL', KEYS[1], 'e' .. own)
redis.call('HSET', KEYS[1], 'p' .. own, ARGV[5])
${RENEW}
return { now, known, clock }
`)

/** Says that this instance goes, and leaves what was its own to the others. */
export const LEAVE: Script = script(`${MEMBER}
redis.call('HDEL', KEYS[1], 'l' .. own, 'n' .. own, 'k' .. own, 'e' .. own)
redis.call('HSET', KEYS[1], 'g' .. own, 1)
return { now, ${TAKEN} }
`)

/**
 * KEYS: members, wants. ARGV: when this instance joined, by the clock of leases, and 1 if it has told all. Answers the
 * time, 1, then 1 if all others have told all and were there since, then key, start, max and borrower of all that is
 * wanted of this instance.
 */
export const BEAT: Script = script(`${MEMBER}${MEMBERS}
redis.call('HSET', KEYS[1], 'k' .. own, clock)
if ARGV[6] == '1' then redis.call('HSET', KEYS[1], 'e' .. own, 1) end
local ready, joined = 1, tonumber(ARGV[5])
for i = 0, of - 1 do
  if i ~= own then
    local heard, told, left = member('k' .. i, 'e' .. i, 'g' .. i)
    if not left and not (told and heard and heard > joined) then ready = 0 end
  end
end
local reply = { now, ${TAKEN}, ready }
if redis.call('EXISTS', KEYS[2]) == 0 then return reply end
local wants, lender = redis.call('HGETALL', KEYS[2]), own .. ' '
for at = 1, #wants, 2 do
  if wants[at]:sub(1, #lender) == lender then
    local starts, max, to = wants[at + 1]:match('^(%d+) (%d+) (%d+)$')
    local size = #reply
    reply[size + 1] = wants[at]:sub(#lender + 1)
    reply[size + 2], reply[size + 3], reply[size + 4] = tonumber(starts), tonumber(max), tonumber(to)
  end
end
return reply
`)

/**
 * Hands rights over. KEYS: members, wants, the window. ARGV: to whom, name, start, max, how many (-1: half of what Redis
 * knows). Answers the time, a verdict, then count, own and moved.
 */
export const GIVE: Script = script(`${MEMBER}${WINDOWS}
local to, name, starts = ARGV[5], ARGV[6], tonumber(ARGV[7])
local max, many = tonumber(ARGV[8]), tonumber(ARGV[9])
redis.call('HDEL', KEYS[2], own .. ' ' .. KEYS[3])
if starts <= resized then return { now, ${REFUSED} } end
local v = redis.call('HMGET', KEYS[3], 'w', 'c', 'b', 'u' .. own, 'x' .. own)
if tonumber(v[1]) ~= starts then
  local current, ends = span(name, now)
  if current ~= starts or (tonumber(v[1]) or 0) > starts then return { now, ${REFUSED} } end
  begin(KEYS[3], starts, ends)
  v = {}
end
local u, x = tonumber(v[4]) or 0, tonumber(v[5]) or 0
local left = share(max, own) - u + x
local given = math.max(math.min(many < 0 and math.ceil(left / 2) or many, left), 0)
if given > 0 then
  redis.call('HINCRBY', KEYS[3], 'x' .. own, -given)
  redis.call('HINCRBY', KEYS[3], 'x' .. to, given)
end
return { now, ${TAKEN}, math.max(tonumber(v[2]) or 0, tonumber(v[3]) or 0), u, x - given }
`)

/**
 * Tells Redis, after it was away, what this instance knows; the higher figure counts, so that it may be told again.
 * KEYS: members, then windows and buckets. ARGV: for each five: name, start, used, known and moved (empty: not sure); or
 * `smooth`, when it was full, what the own part lacks, what an empty bucket lacks (microseconds), and 0. Answers the
 * time, 1, then for each 0, or when the bucket is full.
 */
export const CARRY_OVER: Script = script(`${MEMBER}${MEMBERS}${WINDOWS}
local reply = { now, ${TAKEN} }
for at = 1, #KEYS - 1 do
  local key, base = KEYS[at + 1], at * 5
  reply[at + 2] = 0
  local name, starts = ARGV[base], tonumber(ARGV[base + 1])
  local used, known = tonumber(ARGV[base + 2]), tonumber(ARGV[base + 3])
  if name == 'smooth' then
    local micro = now * 1000
    -- Since then this bucket may have been filled up beside the part, which is filled up by itself.
    if used > 0 then used = used + math.max(now - (member('bornn') or 0), 0) * 1000 end
    local full = math.max(tonumber(redis.call('GET', key)) or 0, starts, micro) + used
    full = math.min(full, micro + known)
    reply[at + 2] = full
    if full > micro then
      redis.call('SET', key, string.format('%.0f', full), 'PX', math.ceil((full - micro) / 1000) + 10000)
    end
  else
    local _, ends = span(name, starts)
    local v = redis.call('HMGET', key, 'w', 'c', 'b', 'u' .. own, 'x' .. own)
    local stored = tonumber(v[1]) or -1
    if stored <= starts and ends > now then
      if stored < starts then begin(key, starts, ends) v = {} end
      local before = tonumber(v[4]) or 0
      local after = math.max(before, used)
      local count = (tonumber(v[2]) or 0) + after - before
      redis.call('HSET', key, 'c', count, 'b', math.max(tonumber(v[3]) or 0, known), 'u' .. own, after)
      if not v[5] and ARGV[base + 4] ~= '' then redis.call('HSET', key, 'x' .. own, ARGV[base + 4]) end
    end
  end
end
return reply
`)
