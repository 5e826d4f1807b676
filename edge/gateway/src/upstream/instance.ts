import type { Witness } from '@countersign/contract/platform'
import {
  type Breaker,
  createBreaker,
  createUpstream,
  type Entry,
  type Upstream,
  type UpstreamOptions,
} from '@countersign/layers'
import { PeakLatency } from '../domain/balancing/latency.ts'
import { type PassiveRules, shownBy, Tally } from '../domain/balancing/checks.ts'
import type { Member } from '../domain/balancing/member.ts'
import { shareOf } from '../domain/balancing/slow-return.ts'
import { QueueTime } from '../domain/queue-time.ts'
import { CONNECTION_WAIT_FACTOR, QUEUE_INTERVAL_MS, QUEUE_SEEN_MIN } from '../limits.ts'

/** How a request that an instance got has ended: an answer, none, or nothing that says something of the instance. */
export type Ended = 'answered' | 'timeout' | 'failed' | 'silent'

/** What one instance may be given. */
export interface InstanceBounds {
  readonly connectionsMax: number
  /** When requests wait for a connection several times longer than this, and go on to, there are too many. */
  readonly queueMsMax: number
}
export type InstanceOptions = UpstreamOptions & {
  readonly id: string
  readonly service: string
  /** Milliseconds that do not go back. */
  readonly now: () => number
  readonly bounds: InstanceBounds
  readonly onBreaker: (mode: Breaker['mode']) => void
  /** What `Host` says; `undefined`: what the route says. */
  readonly authority?: string
  readonly weight?: number
  readonly passive?: PassiveRules
}

/** One instance of a service or address of a target: its connections, its load, and whether it works. */
export class Instance implements Member {
  readonly id: string
  readonly address: string
  readonly authority: string | undefined
  readonly breaker: Breaker
  readonly upstream: Upstream
  readonly #options: InstanceOptions
  #h2: Upstream | undefined
  readonly #service: string
  readonly #now: () => number
  readonly #latency = new PeakLatency()
  readonly #tally = new Tally()
  readonly #queue: QueueTime
  #witness: Witness | undefined
  #witnessed: Upstream['evidence']
  #returnedAt: number | undefined
  #probesSucceeded = 0
  #up = true
  passive: PassiveRules | undefined
  weight: number
  credit = 0

  constructor(options: InstanceOptions) {
    const { id, service, address, now, bounds, onBreaker } = options
    this.id = id
    this.#service = service
    this.#now = now
    this.authority = options.authority
    this.weight = options.weight ?? 1
    this.passive = options.passive
    this.#queue = new QueueTime({
      targetMs: bounds.queueMsMax * CONNECTION_WAIT_FACTOR,
      intervalMs: QUEUE_INTERVAL_MS,
      seenMin: QUEUE_SEEN_MIN,
    })
    this.breaker = createBreaker({
      now,
      onChange: (mode) => {
        if (mode === 'closed') this.#returns()
        onBreaker(mode)
      },
    })
    this.address = `${address.host}:${address.port}`
    this.#options = { ...options, connectionsMax: bounds.connectionsMax }
    this.upstream = createUpstream(this.#options)
  }
  /** The way to it over HTTP/2, opened when it is wanted first. */
  get h2(): Upstream {
    this.#h2 ??= createUpstream({ ...this.#options, protocol: 'h2' })
    return this.#h2
  }

  get inFlight(): number {
    return this.upstream.inFlight + (this.#h2?.inFlight ?? 0)
  }
  get available(): boolean {
    return this.#up && this.breaker.available
  }
  /** What checks and marks say; the breaker may say otherwise. */
  get up(): boolean {
    return this.#up
  }
  set up(up: boolean) {
    if (up && !this.#up) this.#returns()
    this.#up = up
  }
  shareAt(now: number): number {
    return shareOf(this.#returnedAt, now)
  }
  latencyAt(now: number): number {
    return this.#latency.at(now)
  }
  /** Whether so many wait for its connections that a request more is refused. Asked for each request. */
  isCongested(proven: boolean, now: number): boolean {
    const waitedMs = Math.max(this.upstream.waitedMs(now), this.#h2?.waitedMs(now) ?? 0)
    this.#queue.observe(waitedMs, now)
    return this.#queue.sheds(proven, now)
  }

  /**
   * A request that was let in as `entry` has ended; a probe has to be reported, whatever came of it. `status`: of an answer.
   * `ms`: until its head.
   */
  report(entry: Entry, ended: Ended, status: number, ms: number | undefined): void {
    if (ended === 'answered' && ms !== undefined) this.#latency.observe(ms, this.#now())
    if (ended === 'silent') {
      if (entry === 'probe') this.breaker.leave(entry, false)
      return
    }
    const { passive } = this
    if (passive === undefined) this.breaker.leave(entry, ended === 'answered')
    else this.#reportBy(passive, entry, { ended, status })
  }

  /** An operator says that it works. */
  reset(): void {
    this.#tally.reset()
    this.#probesSucceeded = 0
    this.breaker.reset()
    this.up = true
  }

  /** What its latest connection has proven, for records. */
  get witness(): Witness {
    const evidence = this.upstream.evidence ?? this.#h2?.evidence
    if (this.#witness === undefined || this.#witnessed !== evidence) {
      this.#witnessed = evidence
      this.#witness = {
        service: this.#service,
        instance: this.id,
        ...(evidence === undefined
          ? {}
          : {
              peer: evidence.peerId,
              serial: evidence.peerSerial,
              tlsVersion: evidence.tlsVersion,
              tlsCipher: evidence.cipher,
            }),
      }
    }
    return this.#witness
  }
  /** Calls under way may finish; then the connections end. */
  close(): void {
    void this.upstream.close()
    void this.#h2?.close()
  }

  #returns(): void {
    this.#returnedAt = this.#now()
    this.#tally.reset()
    this.#probesSucceeded = 0
  }

  /** Kong's passive checks, beside the breaker's own rules: whichever is stricter opens it. */
  #reportBy(
    passive: PassiveRules,
    entry: Entry,
    { ended, status }: { readonly ended: Ended; readonly status: number },
  ): void {
    const shown =
      ended === 'answered'
        ? shownBy(status, passive)
        : ended === 'timeout'
          ? 'timeout'
          : 'tcp-failure'
    const turned = this.#tally.count(shown, passive)
    if (entry === 'normal') {
      this.breaker.leave(entry, ended === 'answered')
      if (turned === 'unhealthy' && this.breaker.mode === 'closed') this.breaker.trip()
      return
    }
    const refused = shown === 'http-failure' && passive.httpFailures > 0
    if (ended !== 'answered' || refused) {
      this.#probesSucceeded = 0
      this.breaker.leave(entry, false)
    } else if (++this.#probesSucceeded < passive.successes) this.breaker.repeat()
    else this.breaker.leave(entry, true)
  }
}
