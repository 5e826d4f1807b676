import { randomUUID } from 'node:crypto'
import type { WindowName } from '@countersign/contract'
import type { JointVerdict, LimitDemand } from './limiter.ts'
import { carryOver } from './limiter-carry-over.ts'
import { decideAlone, giveBack } from './limiter-own-share.ts'
import type { Reply, RunScript } from './limiter-redis-link.ts'
import {
  MEMBERS_KEY,
  partsOfKey,
  redisKey,
  TAKEN,
  UNKNOWN,
  WAIT,
  WANTS_KEY,
} from './limiter-redis-keys.ts'
import { BEAT, GIVE, JOIN, LEAVE } from './limiter-redis-member-scripts.ts'
import { TAKE } from './limiter-redis-scripts.ts'
import { BucketBook, partOf } from './limiter-smooth.ts'
import { rightsOf, type Share, type Usage, UsageBook } from './limiter-usage.ts'
import {
  bucketOutcome,
  type Item,
  itemsOf,
  jointVerdict,
  type Outcome,
  windowOutcome,
} from './limiter-verdict.ts'
import { COUNTED_KEYS_MAX } from './limits.ts'

/*
 * Limits that several instances share, without clock, timer or socket. Why the sum never exceeds a limit:
 *
 * Each instance has rights in each window: its share of the limit, less what it let pass, plus what others handed over
 * to it, less what it handed over. All rights and all that passed make exactly the limit, at any time (an escrow, or
 * "bounded counter": O'Neil 1986, Balegas et al. 2015). With Redis a request needs a right of the instance that asks; an
 * instance that has none left asks another for half of its own, and waits for it. So Redis is exact to the last one,
 * whichever way the load falls.
 *
 * What is an instance's own gets less only by its own doing: it notes what it hands over before it says so to Redis.
 * What it was told last is therefore what it may spend when Redis is lost, whatever others do then or did before, and
 * whether or not its last words reached Redis. An answer that comes after that is not believed: the request has been
 * decided without it. When Redis is back, each tells what it used and what was moved. The higher figure counts, so
 * that telling it twice is harmless, and a Redis that forgot everything learns it again.
 *
 *   - In a second no rights are kept: nothing passes in the rest of the second of a loss.
 *   - A bucket is taken for empty at the loss. From then on each instance fills and drains its own part of it.
 *   - Until all others must be back, an instance needs its own right and that of Redis ("settling").
 *   - An instance that leaves gives its rights to those who need them. Of one that falls silent they are left alone, and
 *     in windows that begin after its lease they are the others'. When it comes back, or another process comes in its
 *     place, it has none in windows that are open, but what Redis tells.
 *   - When another number of them starts all shares are others. In windows that were open then nobody has rights: the
 *     count of Redis decides, and without Redis nothing passes until they end.
 *
 * What is not promised: an instance that alone loses Redis, for longer than its lease, may spend its share of windows
 * that begin then, and in a second its share; what was let pass by an instance that has ended is forgotten where Redis
 * forgets, or where it ended while Redis was away; without Redis the clocks of instances count, and instances that are
 * told different numbers at one time have shares that do not fit together.
 */
export class SharedCounts {
  readonly usage: UsageBook
  readonly buckets: BucketBook
  readonly share: Share
  readonly #now: () => number
  readonly #times: () => readonly [string, string]
  readonly #process: string = randomUUID()
  readonly #moving = new Map<Usage, number>()
  #lostMs: number
  /** The latest time that Redis told. */
  #toldMs = 0
  /** When this instance joined, by the clock of leases; whether it has told all it knows since. */
  #joinedMs = 0
  #told = false
  /** Grows with each loss. Answers to what was asked before are not believed. */
  #epoch = 0

  /** `times`: milliseconds for windows and for leases, for tests; empty: Redis tells. */
  constructor(options: {
    readonly share: Share
    readonly now: () => number
    readonly times?: (() => readonly [string, string]) | undefined
    readonly keysMax?: number
  }) {
    const { share, now, times = () => ['', ''], keysMax = COUNTED_KEYS_MAX } = options
    this.share = share
    this.#now = now
    this.#times = times
    this.usage = new UsageBook(keysMax)
    this.#lostMs = now()
    this.buckets = new BucketBook(keysMax, this.#lostMs * 1_000)
  }

  get lostMs(): number {
    return this.#lostMs
  }
  get epoch(): number {
    return this.#epoch
  }

  /** Redis is lost: from now on only `takeAlone` may be asked, until `join` succeeds. */
  lose(): void {
    this.#epoch++
    this.#told = false
    this.#lostMs = Math.max(this.#now(), this.#toldMs)
    this.buckets.emptied(this.#lostMs * 1_000)
    // Whether it was handed over is not known: it may have been.
    for (const [usage, many] of this.#moving) usage.moved -= many
    for (const usage of this.#moving.keys()) usage.moving = 0
    this.#moving.clear()
  }

  /** Redis is still lost: it was not only a stumble, of which others know nothing. */
  confirmLost(): void {
    this.#lostMs = Math.max(this.#lostMs, this.#now())
    this.buckets.emptied(this.#lostMs * 1_000)
  }

  /** Nothing passes, and nothing counts. */
  refuse(demands: readonly LimitDemand[]): JointVerdict {
    const none = { ok: false, remaining: 0, resetSeconds: 1, seconds: 1, retryAfterSeconds: 1 }
    return jointVerdict(
      demands,
      false,
      itemsOf(demands).map(() => none),
    )
  }

  /** Decides by what is this instance's own. */
  takeAlone(demands: readonly LimitDemand[]): JointVerdict {
    return decideAlone(this, demands, this.#now()).verdict
  }

  /** Lets Redis decide. `undefined`: no answer that counts. `wait`: rights are on their way, ask again. */
  async take(
    run: RunScript,
    demands: readonly LimitDemand[],
    mayMove = true,
  ): Promise<{ verdict: JointVerdict; wait: boolean; wanted: boolean } | undefined> {
    const items = itemsOf(demands)
    const keys = [MEMBERS_KEY, WANTS_KEY]
    const args = [...this.#head(), mayMove ? '1' : '0']
    for (const { key, window, bucket } of items) {
      keys.push(redisKey(window?.name ?? 'smooth', key))
      if (window !== undefined) args.push(window.name, String(window.max), '0')
      else args.push('smooth', String(bucket.burst), String(bucket.intervalUs))
    }
    const reply = await this.#ask(run, TAKE, keys, args)
    if (reply === undefined || reply.length !== 3 + items.length * 4) return undefined
    const [nowMs = 0, code, wanted] = reply
    const outcomes = items.map((item, at) =>
      this.#learn(item, nowMs, reply.slice(3 + at * 4, 7 + at * 4)),
    )
    const verdict = jointVerdict(demands, code === TAKEN, outcomes)
    return { verdict, wait: code === WAIT, wanted: wanted === 1 }
  }

  /** Needs the own right, taken first since many may ask at once, and that of Redis. */
  async takeSettling(
    run: RunScript,
    demands: readonly LimitDemand[],
  ): Promise<JointVerdict | undefined> {
    const own = decideAlone(this, demands, this.#now())
    if (!own.verdict.allowed) return own.verdict
    const found = await this.take(run, demands, false)
    if (found?.verdict.allowed !== true) giveBack(own.spent)
    return found?.verdict
  }

  /** Comes back to Redis: says that it is there; `tell` has to follow. */
  async join(run: RunScript): Promise<boolean> {
    const reply = await run(JOIN, [MEMBERS_KEY], [...this.#head(), this.#process])
    const [nowMs, known, joinedMs] = numbersOf(reply) ?? []
    if (nowMs === undefined || joinedMs === undefined) return false
    if (known === 2) this.usage.distrust(Math.max(nowMs, this.#now()))
    if (known === 0) this.usage.trust()
    this.#toldMs = Math.max(this.#toldMs, nowMs)
    this.#joinedMs = joinedMs
    return true
  }
  /** Leaves what is its own to the others; it must not be asked any more. */
  async leave(run: RunScript): Promise<void> {
    this.lose()
    this.usage.distrust(Math.max(this.#now(), this.#toldMs))
    await run(LEAVE, [MEMBERS_KEY], this.#head())
  }
  /** Tells Redis all that is known. `wanted`: whether that still makes sense. */
  async tell(run: RunScript, wanted: () => boolean): Promise<boolean> {
    const how = { run, wanted, head: () => this.#head(), now: this.#now }
    this.#told = await carryOver(this, how)
    return this.#told
  }

  /**
   * Says that this instance is there, and hands over what is wanted of it. `lost`: Redis is lost, or has forgotten us;
   * `all told`: nobody has anything to tell, so that Redis alone may decide.
   */
  async beat(run: RunScript): Promise<'lost' | 'heard' | 'all told'> {
    const epoch = this.#epoch
    const args = [...this.#head(), String(this.#joinedMs), this.#told ? '1' : '0']
    const reply = await run(BEAT, [MEMBERS_KEY, WANTS_KEY], args)
    if (reply === undefined || epoch !== this.#epoch) return 'lost'
    if (reply[1] !== TAKEN) return this.#forgotten() ?? 'lost'
    const given: Promise<boolean>[] = []
    for (let at = 3; at + 3 < reply.length; at += 4) {
      const [startMs = 0, max = 0, to = 0] = reply.slice(at + 1, at + 4).map(Number)
      given.push(this.#give(run, String(reply[at]), { startMs, max, to }))
    }
    if ((await Promise.all(given)).includes(false)) return 'lost'
    return this.#told && reply[2] === 1 ? 'all told' : 'heard'
  }

  async #give(
    run: RunScript,
    place: string,
    want: { readonly startMs: number; readonly max: number; readonly to: number },
  ): Promise<boolean> {
    const { name, key } = partsOfKey(place) ?? { name: '', key: '' }
    const { startMs, usage } = this.usage.at(name as WindowName, want.startMs, key)
    if (startMs !== want.startMs) return true
    const left = rightsOf(usage, want.max, this.share)
    const many = usage.sure ? Math.max(Math.ceil(left / 2), 0) : -1
    this.#move(usage, Math.max(many, 0))
    const { to, max } = want
    const rest = [to, name, startMs, max, many].map(String)
    const keys = [MEMBERS_KEY, WANTS_KEY, place]
    const reply = await this.#ask(run, GIVE, keys, [...this.#head(), ...rest])
    if (reply === undefined) return false
    this.#move(usage, -Math.max(many, 0))
    const [nowMs, code, count = 0, used = 0, moved = 0] = reply
    if (nowMs !== undefined && code === TAKEN)
      this.usage.told(name as WindowName, want.startMs, { key, count, used, moved })
    return true
  }
  #move(usage: Usage, many: number): void {
    usage.moving += many
    if (usage.moving === 0) this.#moving.delete(usage)
    else this.#moving.set(usage, usage.moving)
  }

  /** An answer that was given to this instance as it is now; `undefined` otherwise. */
  async #ask(
    run: RunScript,
    ...[script, keys, args]: Parameters<RunScript>
  ): Promise<readonly number[] | undefined> {
    const epoch = this.#epoch
    const reply = numbersOf(await run(script, keys, args))
    if (reply === undefined || epoch !== this.#epoch) return undefined
    if (reply[1] === UNKNOWN) return this.#forgotten()
    this.#toldMs = Math.max(this.#toldMs, reply[0] ?? 0)
    return reply
  }

  /** Redis is there and does not know us: others may have taken what was ours. */
  #forgotten(): undefined {
    this.usage.distrust(Math.max(this.#now(), this.#toldMs))
    return undefined
  }

  #learn(item: Item, nowMs: number, told: readonly number[]): Outcome {
    const [first = 0, used = 0, moved = 0, found] = told
    const { key, window, bucket } = item
    const ok = found === 0
    if (window === undefined) {
      const note = this.buckets.note(key, bucket, partOf(bucket, this.share), nowMs * 1_000)
      note.toldUs = Math.max(note.toldUs, first)
      return bucketOutcome(bucket, nowMs, { ok, fullAtUs: first })
    }
    this.usage.told(window.name, nowMs, { key, count: first, used, moved })
    const remaining = window.max - first
    return windowOutcome(window, nowMs, { ok, remaining, soon: found === 2 })
  }

  #head(): string[] {
    return [...this.#times(), String(this.share.index), String(this.share.of)]
  }
}

function numbersOf(reply: Reply | undefined): readonly number[] | undefined {
  return reply?.every((one) => typeof one === 'number') === true
    ? (reply as readonly number[])
    : undefined
}
