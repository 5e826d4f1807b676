import { setTimeout as sleep } from 'node:timers/promises'
import type { AuditEvent } from '@countersign/contract/platform'
import { messageOf } from '@countersign/ground/errors'
import type { Log } from '@countersign/ground/telemetry'
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
  readonly #stop = new AbortController()
  #news = new AbortController()
  #hurry = new AbortController()
  #countMax = BATCH_EVENTS_MAX
  #failures = 0
  readonly #done: Promise<void>

  constructor(options: SenderOptions) {
    this.#options = options
    this.#done = this.#run()
  }

  /** There is something new on the spool. */
  wake(): void {
    this.#news.abort()
  }
  /** Somebody waits: try at once, even after failures. */
  hurry(): void {
    this.#hurry.abort()
  }

  async close(): Promise<void> {
    this.#stop.abort()
    this.hurry()
    await this.#done
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
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
      if (this.#stop.signal.aborted || !isInvalid(error)) throw error
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
    const over = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(limits.sendTimeoutMs)])
    const late = Promise.withResolvers<never>()
    const fail = (): void => late.reject(new Error('the audit collector did not answer in time'))
    over.addEventListener('abort', fail, { once: true })
    try {
      await Promise.race([send(events), late.promise])
    } finally {
      over.removeEventListener('abort', fail)
    }
  }

  // Nothing to send: until there is, then a moment more, so that what comes together goes together.
  async #rest(): Promise<void> {
    await pause(60_000, AbortSignal.any([this.#news.signal, this.#hurry.signal]))
    this.#news = new AbortController()
    if (!this.#hurry.signal.aborted) await pause(SEND_DELAY_MS, this.#hurry.signal)
    this.#calm()
  }

  async #backOff(error: unknown): Promise<void> {
    if (this.#stop.signal.aborted) return
    const { log, metrics, limits } = this.#options
    metrics.sendFailures.inc()
    if (this.#failures === 0) log.warn({ reason: messageOf(error) }, 'audit events wait on disk')
    const longest = Math.min(limits.retryMsMax, RETRY_FIRST_MS * 2 ** this.#failures)
    this.#failures = Math.min(this.#failures + 1, 16)
    await pause(longest * (0.5 + Math.random() / 2), this.#hurry.signal)
    this.#calm()
  }

  #calm(): void {
    if (this.#hurry.signal.aborted && !this.#stop.signal.aborted)
      this.#hurry = new AbortController()
  }
}

/** Waits until `signal` is aborted, or the time is over. */
async function pause(timeMs: number, signal: AbortSignal): Promise<void> {
  await sleep(timeMs, undefined, { ref: false, signal }).catch(() => undefined)
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
