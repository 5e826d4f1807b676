import type { ParsedLimit } from '@countersign/contract'
import { messageOf } from '@countersign/ground/errors'
import type { Log, Metrics } from '@countersign/ground/telemetry'
import {
  type JointVerdict,
  type LimitDemand,
  type Limiter,
  type LimitVerdict,
  takeOne,
} from './limiter.ts'
import { type LimiterMode as Mode, showMode } from './limiter-mode.ts'
import { openRedisLink, type RedisAddress, type RedisLink } from './limiter-redis-link.ts'
import { SharedCounts } from './limiter-shared.ts'
import type { Share } from './limiter-usage.ts'
import {
  MEMBER_BEAT_MS,
  REDIS_PROBE_MS,
  REDIS_SETTLE_MS,
  RIGHTS_PAUSE_MS,
  RIGHTS_TRIES_MAX,
  RIGHTS_WAITERS_MAX,
} from './limits.ts'

export interface RedisLimiterOptions extends RedisAddress {
  /** Which part of each limit is this instance's own. */
  readonly share: Share
  readonly log: Log
  readonly metrics?: Metrics
  /** Milliseconds since 1970, for tests. Without it Redis tells the time. */
  readonly now?: () => number
}

/*
 * Connects the counts of limiter-shared.ts, where the reasons are, to a Redis. Three modes:
 *
 *   redis     Redis decides, exactly, one round trip for each request.
 *   local     Redis is away or slow. This instance decides alone, by what is its own.
 *   settling  Redis is back. What passed meanwhile is told to it; a request needs the own right and that of Redis,
 *             until all others must have told theirs.
 */

/** Makes a shared limiter. Begins with what is its own where Redis is not there yet; never rejects for want of Redis. */
export async function createRedisLimiter(options: RedisLimiterOptions): Promise<Limiter> {
  const limiter = new RedisLimiter(options)
  await limiter.open()
  return limiter
}

class RedisLimiter implements Limiter {
  readonly #options: RedisLimiterOptions
  readonly #counts: SharedCounts
  readonly #show: (mode: Mode, reason: string) => void
  #mode: Mode = 'local'
  /** Why Redis was lost last. */
  #reason = ''
  #link: RedisLink | undefined
  #probe: NodeJS.Timeout | undefined
  #returning = false
  /** Whether it was tried in vain to come back since the loss. */
  #confirmed = false
  #beat: NodeJS.Timeout | undefined
  #beating = false
  #settled: NodeJS.Timeout | undefined
  #waiters = 0

  constructor(options: RedisLimiterOptions) {
    const { share, now } = options
    this.#options = options
    this.#counts = new SharedCounts({
      share,
      now: now ?? Date.now,
      times: now === undefined ? undefined : () => [String(Math.floor(now())), ''],
    })
    this.#show = showMode(options)
  }

  async open(): Promise<void> {
    this.#link = await openRedisLink(this.#options, (reason) => this.#lose(reason))
    this.#beat = setInterval(() => void this.#sayThere(), MEMBER_BEAT_MS).unref()
    // Alone from the beginning: nobody has to be waited for.
    const { run, ready } = this.#link
    const joined = ready && (await this.#counts.join(run))
    if (joined && (await this.#counts.tell(run, () => true))) this.#enter('redis')
    else this.#enterLocal()
  }

  take(key: string, limit: ParsedLimit): LimitVerdict | Promise<LimitVerdict> {
    return takeOne(this, { key, limit })
  }
  takeAll(demands: readonly LimitDemand[]): JointVerdict | Promise<JointVerdict> {
    const link = this.#link
    if (this.#mode === 'local' || link === undefined) return this.#counts.takeAlone(demands)
    return this.#takeByRedis(link, demands)
  }

  async close(): Promise<void> {
    clearInterval(this.#beat)
    clearInterval(this.#probe)
    clearTimeout(this.#settled)
    const link = this.#link
    this.#link = undefined
    const leaves = this.#is('redis')
    this.#mode = 'local'
    if (leaves && link !== undefined) await this.#counts.leave(link.run)
    link?.close()
  }

  async #takeByRedis(link: RedisLink, demands: readonly LimitDemand[]): Promise<JointVerdict> {
    // The mode may change while an answer is awaited; the answer does not count then.
    for (let i = 0; i < 3; i++) {
      if (this.#is('local')) return this.#counts.takeAlone(demands)
      const { epoch } = this.#counts
      const verdict = this.#is('redis')
        ? await this.#takeShared(link, demands)
        : await this.#counts.takeSettling(link.run, demands)
      if (verdict !== undefined) return verdict
      if (epoch === this.#counts.epoch) this.#lose('no answer in time')
    }
    return this.#is('local') ? this.#counts.takeAlone(demands) : this.#counts.refuse(demands)
  }

  async #takeShared(
    link: RedisLink,
    demands: readonly LimitDemand[],
  ): Promise<JointVerdict | undefined> {
    const found = await this.#counts.take(link.run, demands)
    if (found?.wanted === true) void this.#sayThere()
    if (found?.wait !== true) return found?.verdict
    if (this.#waiters >= RIGHTS_WAITERS_MAX) return found.verdict
    this.#waiters++
    try {
      return await this.#waitForRights(link, demands)
    } finally {
      this.#waiters--
    }
  }
  /** The rights that are left are another instance's. It has been asked, and hands over some with its next beat. */
  async #waitForRights(
    link: RedisLink,
    demands: readonly LimitDemand[],
  ): Promise<JointVerdict | undefined> {
    for (let i = 1; ; i++) {
      await new Promise((resolve) => setTimeout(resolve, RIGHTS_PAUSE_MS))
      if (!this.#is('redis')) return undefined
      const found = await this.#counts.take(link.run, demands)
      if (found?.wait !== true || i === RIGHTS_TRIES_MAX) return found?.verdict
    }
  }

  #lose(reason?: unknown): void {
    if (reason !== undefined) this.#reason = messageOf(reason)
    if (this.#mode === 'local') return
    this.#counts.lose()
    this.#enterLocal()
  }
  #enterLocal(): void {
    clearTimeout(this.#settled)
    this.#enter('local')
    clearInterval(this.#probe)
    this.#probe = setInterval(() => void this.#tryReturn(), REDIS_PROBE_MS).unref()
    this.#confirmed = false
    void this.#tryReturn()
  }

  async #tryReturn(): Promise<void> {
    const link = this.#link
    if (link === undefined || this.#returning) return
    this.#returning = true
    try {
      const { epoch } = this.#counts
      const joined = link.ready && (await this.#counts.join(link.run))
      if (!this.#is('local') || epoch !== this.#counts.epoch) return
      if (joined) await this.#settle(link)
      else if (!this.#confirmed) this.#counts.confirmLost()
      this.#confirmed = true
    } finally {
      this.#returning = false
    }
  }
  async #settle(link: RedisLink): Promise<void> {
    clearInterval(this.#probe)
    // from here on nothing passes that Redis does not count; what passed before follows
    this.#enter('settling')
    const told = await this.#counts.tell(link.run, () => this.#is('settling'))
    if (!this.#is('settling')) return
    if (!told) return this.#lose('no answer in time')
    this.#settled = setTimeout(() => this.#exact(), REDIS_SETTLE_MS).unref()
  }
  #exact(): void {
    clearTimeout(this.#settled)
    this.#enter('redis')
  }

  async #sayThere(): Promise<void> {
    const link = this.#link
    if (link === undefined || this.#beating || this.#is('local')) return
    this.#beating = true
    const { epoch } = this.#counts
    const heard = await this.#counts.beat(link.run)
    this.#beating = false
    if (epoch !== this.#counts.epoch) return
    if (heard === 'lost') this.#lose('no answer in time')
    else if (heard === 'all told' && this.#is('settling')) this.#exact()
  }

  #enter(mode: Mode): void {
    this.#mode = mode
    this.#show(mode, this.#reason)
  }
  #is(mode: Mode): boolean {
    return this.#mode === mode
  }
}
