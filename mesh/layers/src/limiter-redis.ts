import type { ParsedLimit } from '@countersign/contract'
import { messageOf } from '@countersign/ground/errors'
import type { Log, Metrics } from '@countersign/ground/telemetry'
import type { Limiter, LimitVerdict } from './limiter.ts'
import { carryOver, carryOverArgs } from './limiter-carry-over.ts'
import { withinShare, withoutRedis } from './limiter-allowance.ts'
import { type LimiterMode as Mode, showMode } from './limiter-mode.ts'
import { openRedisLink, type RedisAddress, type RedisLink } from './limiter-redis-link.ts'
import { CARRY_OVER, redisKey, TAKE } from './limiter-redis-scripts.ts'
import {
  type Allowance,
  decideByBook,
  type Share,
  type Usage,
  UsageBook,
  verdictOf,
  windowIndex,
} from './limiter-usage.ts'
import { REDIS_PROBE_MS, REDIS_SETTLE_MS } from './limits.ts'

export interface RedisLimiterOptions extends RedisAddress {
  /** Which part of each limit this instance lets pass while Redis is away. */
  readonly share: Share
  readonly log: Log
  readonly metrics?: Metrics
  /** Milliseconds since 1970, for tests. Without it Redis tells the time. */
  readonly now?: () => number
}

/*
 * A limit that all instances share. Three modes:
 *
 *   redis     Redis decides, exactly, one round trip for each request.
 *   local     Redis is away or slow. This instance decides alone:
 *             - nothing passes in the second in which it was lost;
 *             - in a window that was open then: its share of what Redis last told to be left, and no more in that
 *               window, before and after together, than its share of the whole;
 *             - in a window that began later: its share.
 *   settling  Redis is back. What passed meanwhile is carried over; Redis decides, within this instance's share,
 *             until all others must have carried over theirs.
 *
 * What that promises: in each window that begins after the loss the sum over all instances is at most the limit, and so
 * it is in the second of the loss. In a longer window that was open at the loss it is at most the limit if then no
 * instance had used more than its share, or each had heard the latest count; otherwise it can be exceeded by at most
 * what single instances had used above their share. If only some instances lose Redis, the others do not know, and
 * the limit can be exceeded by the shares of those that lost it. Without Redis, instances count by their own clocks.
 */

/** Makes a shared limiter. Begins with local shares where Redis is not there yet; never rejects for want of Redis. */
export async function createRedisLimiter(options: RedisLimiterOptions): Promise<Limiter> {
  const limiter = new RedisLimiter(options)
  await limiter.open()
  return limiter
}

class RedisLimiter implements Limiter {
  readonly #options: RedisLimiterOptions
  readonly #share: Share
  readonly #now: () => number
  readonly #book = new UsageBook()
  readonly #show: (mode: Mode, reason: string) => void
  #mode: Mode = 'local'
  /** Why Redis was lost last. */
  #reason = ''
  /** When Redis was lost, as a number of a second. */
  #lostSecond: number
  #link: RedisLink | undefined
  #probe: NodeJS.Timeout | undefined
  #settled: NodeJS.Timeout | undefined

  constructor(options: RedisLimiterOptions) {
    this.#options = options
    this.#share = options.share
    this.#now = options.now ?? Date.now
    this.#show = showMode(options)
    this.#lostSecond = windowIndex(this.#now(), 1)
  }

  async open(): Promise<void> {
    this.#link = await openRedisLink(this.#options, (reason) => this.#lose(reason))
    if (this.#link.ready) this.#enter('redis')
    else this.#enterLocal()
  }

  take(key: string, limit: ParsedLimit): LimitVerdict | Promise<LimitVerdict> {
    const link = this.#link
    if (this.#mode === 'local' || link === undefined) return this.#takeLocally(key, limit)
    return this.#mode === 'redis'
      ? this.#takeShared(link, key, limit)
      : this.#takeWithinShare(link, key, limit)
  }

  close(): Promise<void> {
    clearInterval(this.#probe)
    clearTimeout(this.#settled)
    this.#link?.close()
    this.#link = undefined
    this.#mode = 'local'
    return Promise.resolve()
  }

  async #takeShared(link: RedisLink, key: string, limit: ParsedLimit): Promise<LimitVerdict> {
    const verdict = await this.#askRedis(link, key, limit, 1)
    return verdict ?? this.#takeLocally(key, limit)
  }
  async #takeWithinShare(link: RedisLink, key: string, limit: ParsedLimit): Promise<LimitVerdict> {
    // the share is taken first and given back if Redis refuses, since many may ask at once
    const taken: Usage[] = []
    const own = this.#decide(key, limit, withinShare(this.#share), (usage) => {
      usage.own++
      taken.push(usage)
    })
    if (!own.allowed) return own
    const verdict = await this.#askRedis(link, key, limit, 0)
    if (verdict?.allowed !== true) for (const usage of taken) usage.own--
    return verdict ?? this.#takeLocally(key, limit)
  }
  #takeLocally(key: string, limit: ParsedLimit): LimitVerdict {
    return this.#decide(key, limit, withoutRedis(this.#share, this.#lostSecond), countUnsent)
  }

  /** `ownIfAllowed` is added to this instance's own count. `undefined`: Redis gave no answer, and counts as lost. */
  async #askRedis(
    link: RedisLink,
    key: string,
    limit: ParsedLimit,
    ownIfAllowed: number,
  ): Promise<LimitVerdict | undefined> {
    const args = [this.#time()]
    for (const { seconds, max } of limit.windows) args.push(String(seconds), String(max))
    const [nowMs, taken, ...counts] = (await link.run(TAKE, redisKey(key), args)) ?? []
    if (nowMs === undefined || counts.length !== limit.windows.length) {
      this.#lose('no answer in time')
      return undefined
    }
    const allowed = taken === 1
    const states = limit.windows.map((window, at) => {
      const count = counts[at] ?? window.max
      const index = windowIndex(nowMs, window.seconds)
      this.#book.learn(window.seconds, index, { key, count, own: allowed ? ownIfAllowed : 0 })
      return { window, remaining: Math.max(window.max - count, 0), full: count >= window.max }
    })
    return verdictOf(allowed, nowMs, states)
  }
  #decide(
    key: string,
    limit: ParsedLimit,
    allowance: Allowance,
    takeUsage: (usage: Usage) => void,
  ): LimitVerdict {
    return decideByBook(this.#book, { key, limit, nowMs: this.#now() }, { allowance, takeUsage })
  }

  #lose(reason?: unknown): void {
    if (reason !== undefined) this.#reason = messageOf(reason)
    if (this.#mode === 'local') return
    this.#lostSecond = windowIndex(this.#now(), 1)
    this.#enterLocal()
  }
  #enterLocal(): void {
    clearTimeout(this.#settled)
    this.#enter('local')
    clearInterval(this.#probe)
    this.#probe = setInterval(() => void this.#tryReturn(), REDIS_PROBE_MS).unref()
  }

  async #tryReturn(): Promise<void> {
    const link = this.#link
    if (link === undefined || !link.ready) return
    const answer = await link.run(CARRY_OVER, redisKey('probe'), [this.#time()])
    if (answer === undefined || !this.#is('local')) return
    clearInterval(this.#probe)
    // from here on nothing passes that Redis does not count; what passed before follows
    this.#enter('settling')
    const done = await carryOver(this.#book.open(this.#now()), {
      send: async ({ key, ...rest }) => {
        const args = [this.#time(), ...carryOverArgs(rest)]
        return (await link.run(CARRY_OVER, redisKey(key), args)) !== undefined
      },
      wanted: () => this.#is('settling'),
    })
    if (!this.#is('settling')) return
    if (!done) return this.#lose('no answer in time')
    this.#settled = setTimeout(() => this.#enter('redis'), REDIS_SETTLE_MS).unref()
  }

  #enter(mode: Mode): void {
    this.#mode = mode
    this.#show(mode, this.#reason)
  }
  #is(mode: Mode): boolean {
    return this.#mode === mode
  }
  #time(): string {
    return this.#options.now === undefined ? '' : String(Math.floor(this.#options.now()))
  }
}

const countUnsent = (usage: Usage): void => {
  usage.own++
  usage.unsent++
}
