import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '@countersign/ground/telemetry'
import {
  PEER_DEBOUNCE_MS,
  PEER_EVERY_MS,
  PEER_EXCHANGE_MS_MAX,
  PEER_START_MS_MAX,
  PEER_UP_MS,
  PEERS_MAX,
  TOPICS_MAX,
} from '../trust/limits.ts'
import { Line, type PeerLink, type SyncBody } from './line.ts'
import type { SyncTopic } from './topic.ts'

export interface PeersOptions {
  readonly instance: string
  readonly peers: readonly PeerLink[]
  readonly topics: readonly SyncTopic[]
  readonly log: Log
  readonly now?: () => number
  /** A clock that nobody sets: who is up does not hang on the time of day. */
  readonly elapsed?: () => number
  /** Called with what another authority said and makes no sense. */
  readonly onMalformed?: (from: string, topic: string, error: unknown) => void
}
/** Another authority, as it is seen from here. */
export interface PeerView {
  readonly instance: string
  readonly up: boolean
  /** Since when it is up without a break, or away. */
  readonly since: number
  /** When it was last heard of. */
  readonly seenAt: number
}
interface Heard {
  readonly seenAt: number
  /** The same by the clock that nobody sets. */
  readonly heard: number
  readonly since: number
}
const NAME = /^[a-z][a-z0-9-]{0,79}$/

/**
 * The other authorities. Each is told at once of what changes here, and every few seconds of everything; its answer says
 * what it knows. A topic that makes no sense is refused alone. Who cannot be reached is asked again with the next round.
 */
export class Peers {
  readonly #options: PeersOptions
  readonly #topics: ReadonlyMap<string, SyncTopic>
  readonly #lines: readonly Line[]
  readonly #heard = new Map<string, Heard>()
  readonly #now: () => number
  readonly #elapsed: () => number
  readonly #stopListening: (() => void)[] = []
  readonly #changed = new Set<string>()
  #soon: NodeJS.Timeout | undefined
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: PeersOptions) {
    const { log, topics, peers } = options
    if (topics.length > TOPICS_MAX || peers.length > PEERS_MAX) throw new RangeError('too many')
    this.#options = options
    this.#now = options.now ?? Date.now
    this.#elapsed = options.elapsed ?? (() => performance.now())
    this.#topics = new Map(topics.map((topic) => [topic.name, topic]))
    const say = (names: ReadonlySet<string>) => this.#say(names)
    const take = (reply: SyncBody) => this.#take(reply)
    const timeoutMs = PEER_EXCHANGE_MS_MAX
    this.#lines = peers.map((link) => new Line(link, { say, take, timeoutMs, log }))
  }

  /** One round with whoever answers in time, and from then on by itself. */
  async start(): Promise<void> {
    await Promise.race([this.round(), sleep(PEER_START_MS_MAX, undefined, { ref: false })])
    if (this.#closed) return
    for (const [name, topic] of this.#topics) {
      this.#stopListening.push(topic.onChange(() => this.#push(name)))
    }
    this.#plan()
  }

  /** Tells everybody everything and hears what they know. Says who answered. Takes a bounded time; never rejects. */
  async round(): Promise<readonly string[]> {
    const names = [...this.#topics.keys()]
    const lines = await Promise.all(
      this.#lines.map(async (line) => ((await line.exchange(names)) ? line.instance : undefined)),
    )
    return lines.filter((name) => name !== undefined && name !== this.#options.instance) as string[]
  }

  /** What another authority says, and the answer to it. */
  async hear(body: SyncBody): Promise<SyncBody> {
    await this.#take(body)
    return this.#say(new Set(Object.keys(body.topics)))
  }

  /** The other authorities that were ever heard of. */
  views(): PeerView[] {
    return [...this.#heard].map(([instance, { seenAt, since, heard }]) => {
      const up = this.#elapsed() - heard < PEER_UP_MS
      return { instance, up, since: up ? since : seenAt, seenAt }
    })
  }

  /** Those that are up, with the way to them; no way where they reach us and we do not reach them. */
  up(): { readonly instance: string; readonly link: PeerLink | undefined }[] {
    return this.views()
      .filter(({ up }) => up)
      .map(({ instance }) => ({ instance, link: this.#lineTo(instance)?.link }))
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    clearTimeout(this.#soon)
    for (const stop of this.#stopListening.splice(0)) stop()
  }

  #lineTo(instance: string): Line | undefined {
    return this.#lines.find((line) => line.answers && line.instance === instance)
  }

  #say(names: ReadonlySet<string>): SyncBody {
    const topics: Record<string, unknown> = {}
    for (const [name, topic] of this.#topics) if (names.has(name)) topics[name] = topic.say()
    return { instance: this.#options.instance, topics }
  }

  async #take({ instance, topics }: SyncBody): Promise<void> {
    // A list of peers may well be the same for all, and then it names ourselves.
    if (!NAME.test(instance) || instance === this.#options.instance) return
    if (!this.#noteHeard(instance)) return
    for (const [name, topic] of this.#topics) {
      if (!Object.hasOwn(topics, name)) continue
      try {
        await topic.hear(topics[name], instance)
      } catch (error) {
        this.#options.log.error({ err: error, peer: instance, topic: name }, 'refused what it says')
        this.#options.onMalformed?.(instance, name, error)
      }
    }
  }

  /** `false` where there are more names than can be authorities of ours. */
  #noteHeard(instance: string): boolean {
    const [seenAt, heard] = [this.#now(), this.#elapsed()]
    const known = this.#heard.get(instance)
    if (known === undefined && this.#heard.size >= PEERS_MAX) return false
    const isBack = known === undefined || heard - known.heard >= PEER_UP_MS
    this.#heard.set(instance, { seenAt, heard, since: isBack ? seenAt : known.since })
    return true
  }

  #push(name: string): void {
    this.#changed.add(name)
    if (this.#closed) return
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined
      const names = [...this.#changed]
      this.#changed.clear()
      for (const line of this.#lines) void line.exchange(names)
    }, PEER_DEBOUNCE_MS)
  }

  #plan(): void {
    const waitMs = PEER_EVERY_MS * (0.75 + Math.random() / 2)
    this.#timer = setTimeout(() => {
      void this.round().then(() => {
        if (!this.#closed) this.#plan()
      })
    }, waitMs)
    this.#timer.unref()
  }
}
