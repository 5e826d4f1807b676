import {
  MEMBER,
  MEMBERS,
  REFUSED,
  type Script,
  script,
  TAKEN,
  WAIT,
  WINDOWS,
} from './limiter-redis-keys.ts'
import { LIMITER_WANTS_MAX, MEMBER_ABSENT_MS, MEMBER_LEASE_MS } from './limits.ts'

/**
 * Decides all items in one step. KEYS: members, wants, then one for each item. ARGV: 1 where rights may be moved, else
 * 0; then for each item its name, max and 0, or `smooth`, burst and interval in microseconds.
 * Answers the time, a verdict, 1 if anybody is asked for rights, then for each item four numbers: count, own, moved and
 * what was found (0 room, 1 full, 2 no rights), or for a bucket when it is full, 0, 0 and what was found.
 */
export const TAKE: Script = script(`${MEMBER}${WINDOWS}
local items, verdict, lacking = {}, ${TAKEN}, false
local ours, moved = 'u' .. own, 'x' .. own
for at = 1, #KEYS - 2 do
  local key, name = KEYS[at + 2], ARGV[3 + at * 3]
  local a, found = tonumber(ARGV[4 + at * 3]), 0
  if name == 'smooth' then
    local b, micro = tonumber(ARGV[5 + at * 3]), now * 1000
    local full = tonumber(redis.call('GET', key)) or 0
    full = math.min(math.max(full, micro), micro + a * b)
    if full + b - micro > a * b then found = 1 end
    items[at] = { key = key, smooth = b, micro = micro, full = full, found = found }
  else
    local v = redis.call('HMGET', key, 'w', 'c', 'b', ours, moved)
    local stored = tonumber(v[1])
    local starts, ends = span(name, stored and stored > now and stored or now)
    local fresh, c, b, u, x = stored ~= starts, 0, 0, 0, 0
    if not fresh then
      c, b = tonumber(v[2]) or 0, tonumber(v[3]) or 0
      u, x = tonumber(v[4]) or 0, tonumber(v[5]) or 0
    end
    -- Of a window from when there was another number of them nobody has rights: the count decides, while there is one.
    if starts <= resized then x = u - share(a, own) end
    if c >= a or b >= a then
      found = 1
    elseif of > 1 and name ~= 'second' and starts > resized and share(a, own) - u + x < 1 then
      found, lacking = 2, true
    end
    items[at] = { key = key, starts = starts, ends = ends, fresh = fresh, max = a, c = c, b = b, u = u, x = x, found = found }
  end
  if found == 1 then verdict = ${REFUSED} end
end
if verdict == ${TAKEN} and lacking then
  ${MEMBERS}
  -- Who has left has used nothing since. Who is silent may live on without Redis, so that what it had is left alone, and
  -- only windows count that began later. Who was never here gets some time to come.
  local function gone(i, starts)
    local ends, said, left = member('l' .. i, 'n' .. i, 'g' .. i)
    if left then return true end
    if ends then return ends <= clock and said + ${MEMBER_LEASE_MS} <= starts end
    local born = member('born')
    return born and clock >= born + ${MEMBER_ABSENT_MS}
  end
  local function borrow(it)
    local richest, most = nil, 0
    for i = 0, of - 1 do
      local v = (i == own or it.fresh) and {} or redis.call('HMGET', it.key, 'u' .. i, 'x' .. i)
      local left = i == own and 0 or share(it.max, i) - (tonumber(v[1]) or 0) + (tonumber(v[2]) or 0)
      if left > 0 and gone(i, it.starts) then
        if it.fresh then begin(it.key, it.starts, it.ends) it.fresh = false end
        redis.call('HINCRBY', it.key, 'x' .. i, -left)
        redis.call('HINCRBY', it.key, moved, left)
        redis.call('HSET', KEYS[1], 't' .. i, 1)
        it.x, it.found = it.x + left, 0
      elseif left > most then richest, most = i, left end
    end
    if it.found == 0 then return true end
    if richest and redis.call('HLEN', KEYS[2]) < ${LIMITER_WANTS_MAX} then
      local want = string.format('%.0f %.0f %d', it.starts, it.max, own)
      redis.call('HSET', KEYS[2], richest .. ' ' .. it.key, want)
      redis.call('PEXPIRE', KEYS[2], 2000)
      return nil
    end
    return false
  end
  for _, it in ipairs(items) do
    if it.found == 2 then
      local found = ARGV[5] == '1' and borrow(it)
      if found == nil and verdict == ${TAKEN} then verdict = ${WAIT} end
      if found == false then verdict = ${REFUSED} end
    end
  end
end
local reply, size = { now, verdict, redis.call('EXISTS', KEYS[2]) }, 3
for at = 1, #items do
  local it = items[at]
  if verdict == ${TAKEN} then
    if it.smooth then
      it.full = it.full + it.smooth
      redis.call('SET', it.key, string.format('%.0f', it.full), 'PX', math.ceil((it.full - it.micro) / 1000) + 10000)
    else
      if it.fresh then begin(it.key, it.starts, it.ends) end
      if it.b > it.c then
        it.b = it.b + 1
        redis.call('HSET', it.key, 'b', it.b)
      end
      it.c, it.u = it.c + 1, it.u + 1
      redis.call('HSET', it.key, 'c', it.c, ours, it.u)
    end
  end
  if it.smooth then
    reply[size + 1], reply[size + 2], reply[size + 3] = it.full, 0, 0
  else
    reply[size + 1], reply[size + 2], reply[size + 3] = math.max(it.c, it.b), it.u, it.x
  end
  size = size + 4
  reply[size] = it.found
end
return reply
`)
