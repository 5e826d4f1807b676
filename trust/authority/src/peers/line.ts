import { messageOf } from '@countersign/ground/errors'
import type { Log } from '@countersign/ground/telemetry'

/** What authorities send each other, and answer. */
export interface SyncBody {
  readonly instance: string
  readonly topics: Readonly<Record<string, unknown>>
}
/** What one authority asks of another in a step of a rotation. */
export interface OwnStep {
  readonly kind: 'root' | 'intermediate'
  readonly step: 'prepare' | 'activate' | 'retire' | 'rollback'
  readonly dryRun?: boolean
  readonly without?: readonly string[]
}
export interface OwnStepReply {
  readonly taken: boolean
  readonly done: boolean
  readonly blockers: readonly {
    readonly who: string
    readonly why: string
    readonly serial?: string | undefined
    readonly until?: number | undefined
  }[]
}
/**
 * Another authority, over mTLS. Both calls are safe to repeat, and reject where nobody answers in `timeoutMs`.
 */
export interface PeerLink {
  /** Where it is, for people. */
  readonly address: string
  sync(body: SyncBody, timeoutMs: number): Promise<SyncBody>
  rotate(step: OwnStep, timeoutMs: number): Promise<OwnStepReply>
}

interface Queued {
  readonly topics: Set<string>
  readonly done: Promise<boolean>
}

/**
 * The line to one peer. One exchange at a time; what is asked for meanwhile goes together into the next one. So there are
 * never more than two, and whoever asks gets an exchange that began after he asked.
 */
export class Line {
  readonly link: PeerLink
  /** Who answered last; undefined until somebody has. */
  instance: string | undefined
  /** Whether the last exchange worked. */
  answers = false
  readonly #options: LineOptions
  #running: Promise<boolean> = Promise.resolve(true)
  #next: Queued | undefined

  constructor(link: PeerLink, options: LineOptions) {
    this.link = link
    this.#options = options
  }

  /** Tells the peer of these topics and hears what it knows of them. Says whether it answered. Never rejects. */
  exchange(topics: Iterable<string>): Promise<boolean> {
    if (this.#next !== undefined) {
      for (const topic of topics) this.#next.topics.add(topic)
      return this.#next.done
    }
    const wanted = new Set(topics)
    const done = this.#running.then(() => {
      this.#next = undefined
      return this.#exchange(wanted)
    })
    this.#next = { topics: wanted, done }
    this.#running = done
    return done
  }

  async #exchange(topics: ReadonlySet<string>): Promise<boolean> {
    const { say, take, timeoutMs, log } = this.#options
    const { address } = this.link
    try {
      const reply = await this.link.sync(say(topics), timeoutMs)
      this.instance = reply.instance
      if (!this.answers) log.info({ peer: reply.instance, address }, 'another authority answers')
      this.answers = true
      await take(reply)
      return true
    } catch (error) {
      if (this.answers) log.warn({ address, why: messageOf(error) }, 'another authority is away')
      this.answers = false
      return false
    }
  }
}

export interface LineOptions {
  readonly say: (topics: ReadonlySet<string>) => SyncBody
  /** Takes the answer in. What makes no sense in it is left out, and nothing is thrown. */
  readonly take: (reply: SyncBody) => Promise<void>
  readonly timeoutMs: number
  readonly log: Log
}
