import type { AuditEvent } from '@countersign/contract/platform'
import { messageOf } from '@countersign/ground/errors'
import type { Log } from '@countersign/ground/telemetry'
import { Bell } from './bell.ts'
import { BATCH_EVENTS_MAX, RETRY_FIRST_MS, SEND_DELAY_MS, type WriterLimits } from './limits.ts'
import type { Lines, Spool } from './spool.ts'
import type { WriterMetrics } from './writer-metrics.ts'

export interface SenderOptions {
  readonly spool: Spool
  /** Resolves when the collector has the events. Rejects with a `status` of 400, 413 or 422 when it will never take them as they are. */
  readonly send: (events: readonly AuditEvent[]) => Promise<void>
  readonly setAside: (line: Buffer) => Promise<void>
  readonly log: Log
  readonly metrics: WriterMetrics
  readonly limits: WriterLimits
}

/**
 * Ships the spool to the collector, in order, at least once each, forever.
 *
 * - a failure is tried again after a growing, random wait
 * - a batch that is refused as invalid is halved until the one bad event is found and set aside
 */
export class BatchSender {
  readonly #options: SenderOptions
  readonly #bell = new Bell<'news' | 'hurry' | 'stop'>()
  /** Gives up the wait for an answer. */
  #giveUp: (why: string) => void = () => undefined
  #countMax = BATCH_EVENTS_MAX
  #failures = 0
  readonly #done: Promise<void>

  constructor(options: SenderOptions) {
    this.#options = options
    this.#done = this.#run()
  }

  /** There is something new on the spool. */
  wake(): void {
    this.#bell.ring('news')
  }
  /** Somebody waits: try at once, even after failures. */
  hurry(): void {
    this.#bell.ring('hurry')
  }

  async close(): Promise<void> {
    this.#bell.ring('stop')
    this.#giveUp('the sender stops')
    await this.#done
  }

  async #run(): Promise<void> {
    while (!this.#bell.hasRung('stop')) {
      try {
        const batch = await this.#options.spool.read(this.#countMax)
        if (batch === undefined) await this.#rest()
        else await this.#ship(batch)
      } catch (error) {
        await this.#backOff(error)
      }
    }
  }

  async #ship(batch: Lines): Promise<void> {
    const read = batch.lines.map((line) => ({ line, event: parseLine(line) }))
    const events = read.flatMap(({ event }) => event ?? [])
    const broken = read.filter(({ event }) => event === undefined).map(({ line }) => line)
    try {
      if (events.length > 0) await this.#sendInTime(events)
      this.#options.metrics.sent.inc(events.length)
      this.#countMax = Math.min(BATCH_EVENTS_MAX, this.#countMax * 2)
    } catch (error) {
      if (this.#bell.hasRung('stop') || !isInvalid(error)) throw error
      this.#countMax = Math.max(1, Math.floor(batch.lines.length / 2))
      if (batch.lines.length > 1) return
      await this.#setAside(batch.lines, error)
    }
    this.#failures = 0
    if (broken.length > 0) await this.#setAside(broken, new Error('a line that is no event'))
    await this.#options.spool.acknowledge(batch)
  }

  async #setAside(lines: readonly Buffer[], error: unknown): Promise<void> {
    const { log, metrics, setAside } = this.#options
    metrics.rejected.inc(lines.length)
    log.error({ err: error }, 'an audit event cannot be taken by the collector; it is set aside')
    for (const line of lines) await setAside(line)
  }

  async #sendInTime(events: readonly AuditEvent[]): Promise<void> {
    const { send, limits } = this.#options
    const late = Promise.withResolvers<never>()
    this.#giveUp = (why) => late.reject(new Error(why))
    const over = (): void => this.#giveUp('the audit collector did not answer in time')
    const timer = setTimeout(over, limits.sendTimeoutMs).unref()
    try {
      await Promise.race([send(events), late.promise])
    } finally {
      clearTimeout(timer)
    }
  }

  // Nothing to send: until there is, then a moment more, so that what comes together goes together.
  async #rest(): Promise<void> {
    await this.#bell.sleep(60_000, ['news', 'hurry', 'stop'])
    this.#bell.reset('news')
    await this.#bell.sleep(SEND_DELAY_MS, ['hurry', 'stop'])
    this.#bell.reset('hurry')
  }

  async #backOff(error: unknown): Promise<void> {
    if (this.#bell.hasRung('stop')) return
    const { log, metrics, limits } = this.#options
    metrics.sendFailures.inc()
    if (this.#failures === 0) log.warn({ reason: messageOf(error) }, 'audit events wait on disk')
    const longest = Math.min(limits.retryMsMax, RETRY_FIRST_MS * 2 ** this.#failures)
    this.#failures = Math.min(this.#failures + 1, 16)
    await this.#bell.sleep(longest * (0.5 + Math.random() / 2), ['hurry', 'stop'])
    this.#bell.reset('hurry')
  }
}

function parseLine(line: Buffer): AuditEvent | undefined {
  try {
    return JSON.parse(line.toString())
  } catch {
    return undefined
  }
}

function isInvalid(error: unknown): boolean {
  const status = typeof error === 'object' && error !== null && 'status' in error && error.status
  return status === 400 || status === 413 || status === 422
}
