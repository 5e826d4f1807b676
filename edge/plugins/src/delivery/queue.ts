import { setTimeout as sleep } from 'node:timers/promises'
import type { PluginTools } from '@countersign/kong'
import { CLOSE_MS_MAX, QUEUE_BYTES_MAX, RECORD_BYTES_MAX } from './limits.ts'
import type { QueueSettings } from './queue-schema.ts'

/*
 * Records on their way out of the gateway. Kong's rules:
 * 1. a batch leaves when it is full, or when its oldest record has waited long enough
 * 2. a full queue loses its oldest records
 * 3. a batch that is not taken is sent again, with growing pauses, until its time is over; then it is lost
 * What is lost is counted. Nobody waits for a queue, and one batch is under way at a time.
 */
export type DropReason = 'full' | 'oversized' | 'undelivered' | 'closed'

export interface QueueOptions {
  /** Name of the plugin, for its counter and log lines. */
  readonly plugin: string
  readonly settings: QueueSettings
  readonly tools: PluginTools
  /** Rejects where the batch has not been taken. */
  readonly send: (batch: readonly string[]) => Promise<void>
}

export class DeliveryQueue {
  readonly #options: QueueOptions
  readonly #bytesMax: number
  readonly #dropped: { inc(labels: Record<string, string>, by?: number): void }
  readonly #ending = new AbortController()
  #records: string[] = []
  /** Those before it have left. */
  #first = 0
  #bytes = 0
  #running: Promise<void> | undefined
  #wake: (() => void) | undefined

  constructor(options: QueueOptions) {
    this.#options = options
    this.#bytesMax = Math.min(options.settings.max_bytes ?? QUEUE_BYTES_MAX, QUEUE_BYTES_MAX)
    this.#dropped = options.tools.metrics.counter(
      'countersign_plugin_records_dropped_total',
      'Records of plugins that were lost on their way to a receiver.',
      ['plugin', 'reason'],
    )
  }
  get size(): number {
    return this.#records.length - this.#first
  }

  /** Takes a record in JSON. Never throws, never waits. */
  add(record: string): void {
    const refused = this.#ending.signal.aborted
      ? 'closed'
      : record.length > RECORD_BYTES_MAX
        ? 'oversized'
        : undefined
    if (refused !== undefined) {
      this.#drop(refused, 1)
      return
    }
    this.#records.push(record)
    this.#bytes += record.length
    while (this.size > this.#options.settings.max_entries || this.#bytes > this.#bytesMax) {
      this.#shift()
      this.#drop('full', 1)
    }
    if (this.size >= this.#options.settings.max_batch_size) this.#wake?.()
    this.#start()
  }

  /** Sends what is there, once and for a bounded time. */
  async close(): Promise<void> {
    this.#ending.abort()
    this.#wake?.()
    const overdue = sleep(CLOSE_MS_MAX, undefined, { ref: false })
    await Promise.race([this.#running, overdue])
    if (this.size > 0) this.#drop('closed', this.size)
    this.#records = []
    this.#first = 0
  }

  #start(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
      if (this.size > 0) this.#start()
    })
  }
  async #run(): Promise<void> {
    while (this.size > 0) {
      await this.#coalesce()
      const batch = this.#take()
      if (batch.length > 0 && !(await this.#deliver(batch))) this.#drop('undelivered', batch.length)
    }
  }

  /** Waits until a batch is full or old enough. */
  async #coalesce(): Promise<void> {
    const { max_batch_size, max_coalescing_delay } = this.#options.settings
    if (this.size >= max_batch_size || this.#ending.signal.aborted) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, max_coalescing_delay * 1_000)
      timer.unref()
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wake = undefined
  }

  async #deliver(batch: readonly string[]): Promise<boolean> {
    const { settings, send, tools, plugin } = this.#options
    const giveUpAt = performance.now() + settings.max_retry_time * 1_000
    for (let pauseMs = settings.initial_retry_delay * 1_000; ; pauseMs *= 2) {
      try {
        await send(batch)
        return true
      } catch (err) {
        const pause = Math.min(pauseMs, settings.max_retry_delay * 1_000)
        const over = performance.now() + pause > giveUpAt || this.#ending.signal.aborted
        tools.log.warn({ err, plugin, records: batch.length, over }, 'records were not taken')
        if (over) return false
        await sleep(pause, undefined, { ref: false, signal: this.#ending.signal }).catch(() => {})
      }
    }
  }

  #take(): string[] {
    const end = this.#first + this.#options.settings.max_batch_size
    const batch = this.#records.slice(this.#first, end)
    for (let i = 0; i < batch.length; i++) this.#shift()
    return batch
  }
  #shift(): void {
    this.#bytes -= this.#records[this.#first]?.length ?? 0
    this.#records[this.#first++] = ''
    if (this.#first < 1_024 && this.#first < this.#records.length) return
    this.#records = this.#records.slice(this.#first)
    this.#first = 0
  }
  #drop(reason: DropReason, count: number): void {
    this.#dropped.inc({ plugin: this.#options.plugin, reason }, count)
  }
}
