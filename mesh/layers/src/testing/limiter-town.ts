import { windowAt } from '@countersign/contract'
import { createClient } from '@redis/client'
import { limitOf } from '../limiter.trial.ts'
import type { LimitDemand } from '../limiter.ts'
import type { Reply, RunScript } from '../limiter-redis-link.ts'
import { SharedCounts } from '../limiter-shared.ts'
import { bucketOf, waitUs } from '../limiter-smooth.ts'
import { REDIS_SETTLE_MS, RIGHTS_TRIES_MAX } from '../limits.ts'
import type { TestRedis } from './redis.ts'

/*
 * Instances that share limits, a Redis that is lost and comes back with or without its memory, and a clock, for a test to
 * play with. The scripts run in a real Redis; only the clock and the loss are made.
 */
export type Client = Awaited<ReturnType<typeof connectedTo>>
/** A connection to that Redis. */
export const connectedTo = (redis: TestRedis) =>
  createClient({ socket: { path: redis.socketPath, tls: false } })
    .on('error', () => {})
    .connect()

const LIMITS = {
  a: limitOf('3/second, 7/minute, 9/month per person'),
  b: limitOf('2/second burst 3, 8/year per person'),
  c: limitOf('4/hour, 11/day per person'),
  d: limitOf('6/minute burst 5 per person'),
}
/** What one request may ask for. */
const REQUESTS: readonly (readonly (keyof typeof LIMITS)[])[] = [
  ['a'],
  ['b'],
  ['c'],
  ['d'],
  ['a', 'c', 'd'],
]

/** Redis as all see it, and the clocks. */
export class World {
  nowMs: number
  /** Of leases; moves while those who are there say so. */
  clockMs = 1_000_000
  away = false
  /** So many more scripts are run, and answered late or not at all, before Redis is away. */
  unanswered = 0
  readonly passed = new Map<string, number[]>()
  readonly admin: Client

  constructor(admin: Client, nowMs: number) {
    this.admin = admin
    this.nowMs = nowMs
  }
  /** Records what passed, and whether that was too much. */
  pass(key: string): void {
    const times = this.passed.get(key) ?? []
    this.passed.set(key, times)
    times.push(this.nowMs)
    const limit = LIMITS[key.slice(-1) as keyof typeof LIMITS]
    for (const { name, max } of limit.windows) {
      const { startMs } = windowAt(name, this.nowMs)
      const inWindow = times.filter((time) => time >= startMs).length
      if (inWindow > max) throw new Error(`${key}: ${inWindow} passed in a ${name} of ${max}`)
    }
    if (limit.smooth === undefined) return
    const bucket = bucketOf(limit.smooth)
    let fullAtUs = 0
    for (const time of times) {
      const tooEarlyUs = waitUs(bucket, fullAtUs, time * 1_000)
      if (tooEarlyUs > 0) throw new Error(`${key}: passed ${tooEarlyUs} us too early`)
      fullAtUs = Math.max(fullAtUs, time * 1_000) + bucket.intervalUs
    }
  }
}

/** One instance, in the modes of limiter-redis.ts. */
class Instance {
  mode: 'redis' | 'settling' | 'local' = 'local'
  counts: SharedCounts
  readonly #world: World
  readonly #client: Client
  constructor(world: World, client: Client, share: { index: number; of: number }) {
    this.#world = world
    this.#client = client
    this.counts = new SharedCounts({
      share,
      now: () => world.nowMs,
      times: () => [String(world.nowMs), String(world.clockMs)],
    })
  }
  readonly #run: RunScript = async (script, keys, args) => {
    const world = this.#world
    if (world.away) return undefined
    const late = world.unanswered > 0 && world.unanswered % 2 === 0
    const silent = world.unanswered % 2 === 1
    if (world.unanswered > 0 && --world.unanswered === 0) world.away = true
    const rest = [String(keys.length), ...keys, ...args]
    const reply = await this.#client.sendCommand(['EVAL', script.source, ...rest])
    // Some answers come after it was seen that others do not.
    if (late) await new Promise((resolve) => setTimeout(resolve, 3))
    return silent ? undefined : (reply as unknown as Reply)
  }
  lose(): void {
    if (this.mode === 'local') return
    this.counts.lose()
    this.mode = 'local'
  }
  leave(): Promise<void> {
    return this.counts.leave(this.#run)
  }
  async beat(): Promise<void> {
    if (this.mode === 'local') return
    const { epoch } = this.counts
    const heard = await this.counts.beat(this.#run)
    if (epoch !== this.counts.epoch) return
    if (heard === 'lost') this.lose()
    else if (heard === 'all told') this.mode = 'redis'
  }
  async join(mode: 'redis' | 'settling'): Promise<void> {
    if (this.mode !== 'local') return
    if (!(await this.counts.join(this.#run))) return this.counts.confirmLost()
    this.mode = mode
    const told = await this.counts.tell(this.#run, () => this.mode === mode)
    if (!told) this.lose()
  }
  async take(demands: readonly LimitDemand[], others: readonly Instance[]): Promise<void> {
    for (let i = 0; i <= RIGHTS_TRIES_MAX; i++) {
      if (this.mode === 'local') {
        if (this.counts.takeAlone(demands).allowed) this.#count(demands)
        return
      }
      const { epoch } = this.counts
      const found =
        this.mode === 'redis'
          ? await this.counts.take(this.#run, demands)
          : await this.#settled(demands)
      if (found === undefined) {
        if (epoch === this.counts.epoch) this.lose()
      } else if (!found.wait) {
        if (found.verdict.allowed) this.#count(demands)
        return
      } else await Promise.all(others.map((other) => other.beat()))
    }
  }
  async #settled(demands: readonly LimitDemand[]) {
    const verdict = await this.counts.takeSettling(this.#run, demands)
    return verdict === undefined ? undefined : { verdict, wait: false }
  }
  #count(demands: readonly LimitDemand[]): void {
    for (const { key } of demands) this.#world.pass(key)
  }
}

/** All of it together: what a test does to it are the methods. */
export class Town {
  readonly world: World
  readonly instances: (Instance | undefined)[] = []
  readonly #clients: readonly Client[]
  #of = 1
  /** What a process has let pass that ended is known to Redis alone: then that keeps its memory. */
  #forgotten = false
  readonly #run: number
  constructor(world: World, clients: readonly Client[], run: number) {
    this.world = world
    this.#clients = clients
    this.#run = run
  }
  get live(): Instance[] {
    return this.instances.filter((each) => each !== undefined)
  }
  async open(of: number): Promise<void> {
    await this.world.admin.flushAll()
    await this.#gather(of)
  }
  async #gather(of: number): Promise<void> {
    this.#of = of
    for (let index = 0; index < of; index++) await this.start(index)
  }
  /** All end, in good order or not, and another number of them begins. */
  async resize(of: number, leaves: boolean): Promise<void> {
    if (this.world.away || this.world.unanswered > 0) return
    if (this.live.some(({ mode }) => mode === 'local')) return
    if (leaves) for (const instance of this.live) await instance.leave()
    this.instances.length = 0
    this.#forgotten = true
    await this.#gather(of)
  }
  async start(at: number): Promise<void> {
    const of = this.#of
    const index = at % of
    const client = this.#clients[index]
    if (client === undefined || this.world.away || this.world.unanswered > 0) return
    if (this.instances[index] !== undefined) return
    if (this.live.some(({ mode }) => mode === 'local')) return
    const instance = new Instance(this.world, client, { index, of })
    this.instances[index] = instance
    await instance.join('redis')
    if (this.live.some(({ mode }) => mode !== 'redis')) instance.mode = 'settling'
  }
  /** Ends a process, in good order or not. What it let pass without Redis would be known to nobody. */
  async stop(at: number, leaves: boolean): Promise<void> {
    const index = at % this.#of
    const instance = this.instances[index]
    if (instance === undefined || instance.mode === 'local' || this.live.length < 2) return
    if (leaves && instance.mode === 'redis') await instance.leave()
    this.instances[index] = undefined
    this.#forgotten = true
  }
  demands(request: number): LimitDemand[] {
    const names = REQUESTS[request % REQUESTS.length] ?? []
    return names.map((name) => ({ key: `${this.#run}:${name}`, limit: LIMITS[name] }))
  }
  async takes(asks: readonly { at: number; request: number; times: number }[]): Promise<void> {
    const all: Promise<void>[] = []
    for (const { at, request, times } of asks) {
      const instance = this.live[at % this.live.length]
      for (let i = 0; i < times; i++)
        if (instance !== undefined) all.push(instance.take(this.demands(request), this.live))
    }
    await Promise.all(all)
  }
  /** Whoever is there says so. */
  async waitFor(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 5_000) {
      this.world.clockMs += Math.min(left, 5_000)
      for (const instance of this.live) await instance.beat()
    }
  }
  loseRedis(unanswered: number): void {
    if (this.world.away) return
    this.world.unanswered = unanswered
    this.world.away = unanswered === 0
  }
  /** All have noticed by the time at which it is back. */
  async redisIsBack(empty: boolean): Promise<void> {
    this.world.away = false
    this.world.unanswered = 0
    if (empty && !this.#forgotten) await this.world.admin.flushAll()
    for (const instance of this.live) instance.lose()
  }
  async join(at: number): Promise<void> {
    await this.live[at % this.live.length]?.join('settling')
    // Nobody goes on before all are back.
    if (this.live.some(({ mode }) => mode === 'local')) return
    if (this.live.every(({ mode }) => mode === 'redis')) return
    this.world.nowMs += REDIS_SETTLE_MS
    for (const instance of this.live) instance.mode = 'redis'
  }
}
