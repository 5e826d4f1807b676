import type { Log } from '@countersign/ground/telemetry'
import { FleetBudget } from './fleet-budget.ts'
import type { OpenFleetStore, Put } from './fleet-store.ts'
import { type Script, script } from './limiter-redis-keys.ts'
import { openRedisLink, type RedisAddress, type Reply } from './limiter-redis-link.ts'
import { FLEET_BYTES_MAX, FLEET_PAUSE_MS, FLEET_TOLD_MS } from './limits.ts'

/*
 * What Redis keeps, beside the limits and in one slot of a cluster as they are:
 *
 *   fleet:{one}:born       string: when Redis has known nothing, in milliseconds since 1970; without an end
 *   fleet:{one}:at:<key>   string: the text, until its time is over
 *
 * A Redis that was restarted, or flushed, has lost `born` with all the rest: that is how one sees it.
 */
const PREFIX = 'fleet:{one}:'
const BORN = `${PREFIX}born`

const PUT_NEW = script(`
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local born = tonumber(redis.call('GET', KEYS[2]))
if not born then
  born = now
  redis.call('SET', KEYS[2], string.format('%.0f', now))
end
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return { 0 } end
return { now - born >= tonumber(ARGV[2]) and 1 or 2 }
`)
const GET = script(`
local text = redis.call('GET', KEYS[1])
return text and { text } or {}
`)
const SWAP = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return { 0 } end
if ARGV[3] == '' then redis.call('DEL', KEYS[1])
else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return { 1 }
`)
const PUTS: readonly Put[] = ['there', 'put', 'young']

/**
 * A store that all have together who reach this Redis; `of`: how many they are. Opens also where Redis is not there yet,
 * and comes back by itself. A Redis that does not answer in time is away for a moment, so that not everybody waits for it.
 */
export async function openRedisFleetStore(
  address: RedisAddress & { readonly of?: number; readonly log: Log },
): Promise<OpenFleetStore> {
  // That it is lost says the limiter, which has the same Redis.
  const link = await openRedisLink(address, () => {})
  const budget = new FleetBudget(FLEET_BYTES_MAX / (address.of ?? 1))
  let pausedUntil = 0
  let toldUntil = 0
  const pause = (): void => {
    const now = performance.now()
    pausedUntil = now + FLEET_PAUSE_MS
    if (now < toldUntil || !link.ready) return
    toldUntil = now + FLEET_TOLD_MS
    address.log.warn(
      { pattern: `${PREFIX}*` },
      'what instances know together: Redis is slow, full, or gives its user no right to these keys',
    )
  }
  const run = async (
    what: Script,
    keys: readonly string[],
    args: readonly string[] = [],
  ): Promise<Reply | undefined> => {
    if (!link.ready || performance.now() < pausedUntil) return undefined
    const reply = await link.run(what, keys, args)
    if (reply === undefined) pause()
    return reply
  }
  // Rights that are missing are told at the start, not when somebody needs them.
  await run(GET, [BORN])
  const hasRoom = (key: string, text: string, ttlMs: number): boolean =>
    budget.take(key, { text, ttlMs }, performance.now())
  return {
    async putNew(key, text, ttlMs) {
      if (!hasRoom(key, text, ttlMs)) return 'away'
      const reply = await run(PUT_NEW, [keyOf(key), BORN], [text, millisOf(ttlMs)])
      return PUTS[Number(reply?.[0])] ?? 'away'
    },
    async get(key) {
      const reply = await run(GET, [keyOf(key)])
      if (reply === undefined) return 'away'
      const [text] = reply
      return { text: text === undefined ? undefined : String(text) }
    },
    async swap(key, before, next) {
      if (next !== undefined && !hasRoom(key, next.text, next.ttlMs)) return 'away'
      const args = next === undefined ? ['', ''] : [next.text, millisOf(next.ttlMs)]
      const reply = await run(SWAP, [keyOf(key)], [before, ...args])
      if (reply === undefined) return 'away'
      return reply[0] === 1 ? 'done' : 'other'
    },
    close: () => link.close(),
  }
}

const keyOf = (key: string): string => `${PREFIX}at:${key}`
const millisOf = (ttlMs: number): string => String(Math.ceil(ttlMs))
