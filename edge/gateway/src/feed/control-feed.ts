import { setTimeout as sleep } from 'node:timers/promises'
import type { ControlConfiguration } from '@countersign/contract/platform'
import { messageOf } from '@countersign/ground/errors'
import type { Log } from '@countersign/ground/telemetry'
import {
  FAULT_CHARS_MAX,
  FEED_FIRST_RETRY_MS_MAX,
  FEED_PAUSE_MS,
  FEED_RETRY_MS,
  FEED_RETRY_MS_MAX,
  FEED_WAIT_SECONDS,
} from '../limits.ts'
import type { Keeper } from './kept-configuration.ts'

/** What is said with each question to the control plane. */
export interface FeedQuestion {
  readonly after: number
  readonly wait: number
  readonly applied: number
  readonly fault?: string
}
export interface FeedOptions {
  /** Asks the control plane; the answer comes when there is a newer one, or after `wait` seconds. */
  readonly ask: (question: FeedQuestion, signal: AbortSignal) => Promise<ControlConfiguration>
  readonly keeper: Keeper
  /** Serves a configuration from now on. Gives back what is wrong with one that cannot be served; then nothing has changed. */
  readonly apply: (configuration: ControlConfiguration) => readonly string[]
  readonly log: Log
}

/*
 * Follows the control plane.
 *
 * 1. what was kept is served at once, whether the control plane is there or not
 * 2. each newer configuration is served, or refused as a whole and the one before it stays; which, is said with the next
 *    question
 * 3. what is served is kept
 * Before anything is served the gateway is not ready, and lets nobody pass: without the operators' plugins it would let
 * pass what they refuse. `waitsFor` says so, for however long it takes.
 * While nobody answers it asks again and again, with pauses that grow, and what is served stays.
 */
export class ControlFeed {
  readonly #options: FeedOptions
  readonly #abort = new AbortController()
  #seen = -1
  #applied = 0
  #fault: string | undefined
  #away = false
  /** Something is served. */
  known = false

  constructor(options: FeedOptions) {
    this.#options = options
    void this.#follow()
  }

  /** Why nothing is served yet; `undefined`: something is. */
  get waitsFor(): string | undefined {
    if (this.known) return undefined
    if (this.#fault !== undefined) return `a configuration that can be served: ${this.#fault}`
    const where = this.#away ? ', which is away' : ''
    return `the first configuration of the control plane${where}`
  }
  /** Version that is served. */
  get applied(): number {
    return this.#applied
  }
  close(): void {
    this.#abort.abort()
  }

  async #follow(): Promise<void> {
    const { signal } = this.#abort
    await this.#serveKept()
    for (let failures = 0; !signal.aborted; ) {
      try {
        const wait = this.known && !this.#away ? FEED_WAIT_SECONDS : 0
        const { seen, question } = { seen: this.#seen, question: this.#question(wait) }
        const configuration = await this.#options.ask(question, signal)
        if (signal.aborted) return
        this.#answered()
        if (configuration.version !== seen) await this.#serve(configuration)
        else await pause(FEED_PAUSE_MS, signal)
        failures = 0
      } catch (error) {
        if (signal.aborted) return
        this.#failed(error)
        const most = this.known ? FEED_RETRY_MS_MAX : FEED_FIRST_RETRY_MS_MAX
        await pause(Math.min(retryMs(failures++, Math.random()), most), signal)
      }
    }
  }

  #question(wait: number): FeedQuestion {
    const question = { after: this.#seen, wait, applied: this.#applied }
    return this.#fault === undefined ? question : { ...question, fault: this.#fault }
  }

  async #serveKept(): Promise<void> {
    const { keeper, log, apply } = this.#options
    try {
      const kept = await keeper.read()
      if (kept === undefined) return
      const faults = apply(kept)
      if (faults.length > 0) throw new Error(faults.join('; '))
      this.#seen = kept.version
      this.#applied = kept.version
      log.info({ version: kept.version }, 'serving the configuration that was kept')
      this.known = true
    } catch (error) {
      log.error({ reason: messageOf(error) }, 'the kept configuration cannot be served')
    }
  }

  async #serve(configuration: ControlConfiguration): Promise<void> {
    const { apply, keeper, log } = this.#options
    const { version } = configuration
    const faults = apply(configuration)
    this.#seen = version
    if (faults.length > 0) {
      this.#fault = faults.join('\n').slice(0, FAULT_CHARS_MAX)
      log.error({ version, faults }, 'a configuration cannot be served; the one before it stays')
    } else {
      this.#applied = version
      this.#fault = undefined
      log.info({ version }, 'configuration served')
      // What cannot be kept is served all the same; the next start needs the control plane.
      await keeper
        .write(configuration)
        .catch((error) => log.error({ reason: messageOf(error) }, 'configuration not kept'))
      this.known = true
    }
  }

  #answered(): void {
    if (this.#away) this.#options.log.info('the control plane answers again')
    this.#away = false
  }
  #failed(error: unknown): void {
    if (!this.#away)
      this.#options.log.warn({ reason: messageOf(error) }, 'the control plane is away')
    this.#away = true
  }
}

/** Doubles with each failure; `chance` (0 to 1) takes up to half of it away, so that many do not come back at once. */
function retryMs(failures: number, chance: number): number {
  const full = Math.min(FEED_RETRY_MS * 2 ** Math.min(failures, 16), FEED_RETRY_MS_MAX)
  return full * (1 - chance / 2)
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {})
}
