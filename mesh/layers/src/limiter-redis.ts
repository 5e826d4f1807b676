import type { ParsedLimit } from '@countersign/contract'
import { messageOf } from '@countersign/ground/errors'
import type { Log, Metrics } from '@countersign/ground/telemetry'
import type { Limiter, LimitVerdict } from './limiter.ts'
import { openRedisLink, type RedisAddress, type RedisLink } from './limiter-redis-link.ts'
import { CARRY_OVER, TAKE } from './limiter-redis-scripts.ts'
import {
  type Allowance,
  decideByBook,
  type OpenUsage,
  type Share,
  shareOf,
  type Usage,
  UsageBook,
  verdictOf,
  windowIndex,
} from './limiter-usage.ts'
import {
  CARRY_OVER_BATCH,
  LIMITED_KEY_CHARS_MAX,
  REDIS_PROBE_MS,
  REDIS_SETTLE_MS,
} from './limits.ts'

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
type Mode = 'redis' | 'local' | 'settling'

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
    if (this.#mode === 'local' || this.#link === undefined) return this.#takeLocally(key, limit)
    if (this.#mode === 'settling') {
      const own = this.#decide(key, limit, this.#withinShare, undefined)
      if (!own.allowed) return own
    }
    return this.#takeFromRedis(this.#link, key, limit)
  }

  close(): Promise<void> {
    clearInterval(this.#probe)
    clearTimeout(this.#settled)
    this.#link?.close()
    this.#link = undefined
    this.#mode = 'local'
    return Promise.resolve()
  }

  async #takeFromRedis(link: RedisLink, key: string, limit: ParsedLimit): Promise<LimitVerdict> {
    const args = [this.#time()]
    for (const { seconds, max } of limit.windows) args.push(String(seconds), String(max))
    const reply = await link.run(TAKE, redisKey(key), args)
    const [nowMs, taken, ...counts] = reply ?? []
    if (nowMs === undefined || counts.length !== limit.windows.length) {
      this.#lose('no answer in time')
      return this.#takeLocally(key, limit)
    }
    const allowed = taken === 1
    const states = limit.windows.map((window, at) => {
      const count = counts[at] ?? window.max
      this.#learn(key, window.seconds, { nowMs, count, allowed })
      return { window, remaining: Math.max(window.max - count, 0), full: count >= window.max }
    })
    return verdictOf(allowed, nowMs, states)
  }

  #learn(key: string, seconds: number, told: { nowMs: number; count: number; allowed: boolean }) {
    const index = windowIndex(told.nowMs, seconds)
    if (this.#book.isPast(seconds, index)) return
    const usage = this.#book.of(seconds, index, key)
    usage.known = Math.max(usage.known, told.count)
    if (told.allowed) usage.own++
  }

  #takeLocally(key: string, limit: ParsedLimit): LimitVerdict {
    return this.#decide(key, limit, this.#alone, countUnsent)
  }
  #decide(
    key: string,
    limit: ParsedLimit,
    allowance: Allowance,
    takeUsage: ((usage: Usage) => void) | undefined,
  ): LimitVerdict {
    return decideByBook(this.#book, { key, limit, nowMs: this.#now() }, { allowance, takeUsage })
  }
  readonly #withinShare: Allowance = ({ own }, { max }) => shareOf(max, this.#share) - own
  readonly #alone: Allowance = (usage, window) => {
    if (window.seconds === 1 && window.index <= this.#lostSecond) return 0
    const left = shareOf(Math.max(window.max - usage.known, 0), this.#share) - usage.unsent
    return Math.min(left, this.#withinShare(usage, window))
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
    for (const batch of batchesOf(this.#book.open(this.#now()))) {
      const sent = await Promise.all(batch.map((entry) => this.#carryOver(link, entry)))
      if (!this.#is('settling')) return
      if (sent.includes(false)) return this.#lose('no answer in time')
    }
    this.#settled = setTimeout(() => this.#enter('redis'), REDIS_SETTLE_MS).unref()
  }

  async #carryOver(link: RedisLink, { key, seconds, index, usage }: OpenUsage): Promise<boolean> {
    const { known, unsent } = usage
    if (known + unsent === 0) return true
    const args = [this.#time(), ...[seconds, index, known, unsent].map(String)]
    const answer = await link.run(CARRY_OVER, redisKey(key), args)
    if (answer === undefined) return false
    // taken off only now: after a failure in between it may be counted twice, but never not at all
    usage.unsent -= unsent
    usage.known = Math.max(usage.known, known + unsent)
    return true
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

const redisKey = (key: string): string => `limit:${key.slice(0, LIMITED_KEY_CHARS_MAX)}`

const countUnsent = (usage: Usage): void => {
  usage.own++
  usage.unsent++
}

function* batchesOf(entries: Iterable<OpenUsage>): Generator<readonly OpenUsage[]> {
  let batch: OpenUsage[] = []
  for (const entry of entries) {
    batch.push(entry)
    if (batch.length < CARRY_OVER_BATCH) continue
    yield batch
    batch = []
  }
  yield batch
}

/** One line and one count for each change of mode. */
function showMode({ log, metrics }: RedisLimiterOptions): (mode: Mode, reason: string) => void {
  const gauge = metrics?.gauge(
    'countersign_limiter_mode',
    'Which way limits are decided: exactly by Redis, or by the share of this instance.',
    ['mode'],
  )
  const changes = metrics?.counter(
    'countersign_limiter_transitions_total',
    'Changes of the way in which limits are decided, by the new one.',
    ['mode'],
  )
  return (mode, reason) => {
    gauge?.set({ mode: 'redis' }, mode === 'redis' ? 1 : 0)
    gauge?.set({ mode: 'local' }, mode === 'redis' ? 0 : 1)
    changes?.inc({ mode })
    if (mode === 'local')
      log.warn({ mode, reason }, 'limits: Redis is away, this instance keeps to its share')
    else log.info({ mode }, 'limits: Redis decides')
  }
}
