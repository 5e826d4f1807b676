import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AuditEvent, NewAuditEvent } from '@countersign/contract/platform'
import type { Log, Metrics } from '@countersign/ground/telemetry'
import { Refusal } from '@countersign/layers'
import type { AuditWriter } from '../workload.ts'
import { completeEvent } from './complete-event.ts'
import { admit, newFlood, summarise } from './flood.ts'
import {
  LIMITS,
  PENDING_BYTES_MAX,
  SPOOL_SHARE_FOR_ALL,
  SYNC_INTERVAL_MS,
  WRITE_DELAY_MS,
  type WriterLimits,
} from './limits.ts'
import { createRejectedFile } from './rejected-file.ts'
import { BatchSender } from './sender.ts'
import { Spool } from './spool.ts'
import { type WriterMetrics, writerMetrics } from './writer-metrics.ts'

/*
 * 1. `record` completes an event and puts it on a list in memory
 * 2. a few milliseconds later the list is written to the spool, in one write
 * 3. once a second, and at once for `recordDurably`, the spool is synced; those who wait share one sync
 * 4. the sender takes it from there
 */
export interface AuditWriterOptions {
  /** The spool; made where it is missing. One process at a time. */
  readonly folder: string
  readonly service: string
  readonly instance: string
  /**
   * Resolves when the collector has the events durably. Rejects with an error whose `status` is 400, 413 or 422 when the
   * collector will never take them as they are; with any other error they are sent again.
   */
  readonly send: (events: readonly AuditEvent[]) => Promise<void>
  readonly log: Log
  readonly metrics: Metrics
  readonly limits?: Partial<WriterLimits>
}

/** The audit writer of a workload, going on with what an earlier process left in the folder. */
export async function createAuditWriter(
  options: AuditWriterOptions,
): Promise<AuditWriter & { close(): Promise<void> }> {
  const { folder, log, send } = options
  const limits = { ...LIMITS, ...options.limits }
  const spool = await Spool.open(folder, limits.segmentBytesMax)
  const metrics = writerMetrics(options.metrics, spool)
  const setAside = createRejectedFile(folder, log)
  const sender = new BatchSender({ spool, send, setAside, log, metrics, limits })
  return new SpoolWriter({ ...options, limits, spool, metrics, sender })
}

interface Parts {
  readonly service: string
  readonly instance: string
  readonly log: Log
  readonly limits: WriterLimits
  readonly spool: Spool
  readonly metrics: WriterMetrics
  readonly sender: BatchSender
}

/** Events that will be written together. */
interface Batch {
  readonly lines: Buffer[]
  readonly written: PromiseWithResolvers<void>
}

class SpoolWriter implements AuditWriter {
  readonly #parts: Parts
  #batch: Batch | undefined
  #pendingBytes = 0
  #writing: Promise<void> | undefined
  #syncing: Promise<void> | undefined
  #nextSync: Promise<void> | undefined
  #flood = newFlood(Date.now())
  #dropped = { success: 0, other: 0 }
  /** The disk failed the last time; said once, counted always. */
  #failing = false
  #closed = false
  #timer: NodeJS.Timeout | undefined
  readonly #ticker: NodeJS.Timeout

  constructor(parts: Parts) {
    this.#parts = parts
    this.#ticker = setInterval(() => this.#tick(), SYNC_INTERVAL_MS).unref()
  }

  record(event: NewAuditEvent): void {
    const now = Date.now()
    if (this.#flood.second !== Math.floor(now / 1_000)) this.#turnFlood(now)
    if (!admit(this.#flood, event)) this.#parts.metrics.repeated.inc()
    else this.#put(event)
  }

  async recordDurably(event: NewAuditEvent): Promise<void> {
    if (!this.#hasRoom('durable')) throw unavailable('the spool is full or closed')
    try {
      const { written } = this.#add(event)
      void this.#write()
      await written.promise
      await this.#sync()
    } catch (error) {
      throw unavailable('the spool could not be written', error)
    }
  }

  async flush(timeoutMs: number): Promise<number> {
    const { spool, sender } = this.#parts
    const end = Date.now() + timeoutMs
    if (!this.#closed) {
      this.#turnFlood(Date.now())
      await this.#write()
    }
    sender.hurry()
    while (spool.lines > 0 && !this.#closed && Date.now() < end) await sleep(10)
    return spool.lines + (this.#batch?.lines.length ?? 0)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#turnFlood(Date.now())
    this.#reportDrops()
    this.#closed = true
    clearInterval(this.#ticker)
    clearTimeout(this.#timer)
    await this.#write()
    await this.#parts.sender.close()
    await this.#parts.spool.close()
  }

  #put(event: NewAuditEvent): void {
    if (this.#hasRoom(event.status)) this.#add(event)
    else this.#drop(event.status, 1)
  }

  #hasRoom(what: NewAuditEvent['status'] | 'durable'): boolean {
    const { limits, spool } = this.#parts
    const share = what === 'success' ? SPOOL_SHARE_FOR_ALL : 1
    const used = spool.bytes + this.#pendingBytes
    return (
      !this.#closed &&
      used < limits.spoolBytesMax * share &&
      this.#pendingBytes < PENDING_BYTES_MAX * share
    )
  }

  #drop(status: NewAuditEvent['status'], count: number): void {
    this.#parts.metrics.dropped.inc({ status }, count)
    if (status === 'success') this.#dropped.success += count
    else this.#dropped.other += count
  }

  #add(said: NewAuditEvent): Batch {
    const fresh = { id: randomUUID(), now: new Date() }
    const line = Buffer.from(`${completeEvent(said, this.#parts, fresh).line}\n`)
    this.#parts.metrics.recorded.inc({ status: said.status })
    this.#batch ??= newBatch()
    this.#batch.lines.push(line)
    this.#pendingBytes += line.length
    this.#timer ??= setTimeout(() => void this.#write(), WRITE_DELAY_MS)
    return this.#batch
  }

  /** Writes all that is pending, one write at a time. Never rejects; each batch tells its own end. */
  #write(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#batch !== undefined) this.#writing ??= this.#writeBatches()
    return this.#writing ?? Promise.resolve()
  }

  async #writeBatches(): Promise<void> {
    const { spool, sender, log } = this.#parts
    for (let batch = this.#batch; batch !== undefined; batch = this.#batch) {
      this.#batch = undefined
      try {
        await spool.append(batch.lines)
        sender.wake()
        batch.written.resolve()
        this.#failing = false
      } catch (error) {
        const events = batch.lines.length
        if (!this.#failing) log.error({ err: error }, 'audit events cannot be written to disk')
        this.#failing = true
        this.#drop('failure', events)
        batch.written.reject(error)
      }
      for (const { length } of batch.lines) this.#pendingBytes -= length
    }
    this.#writing = undefined
  }

  /** A sync that begins after this call; callers that meet while one runs share the next. */
  #sync(): Promise<void> {
    this.#nextSync ??= this.#syncAfter(this.#syncing)
    return this.#nextSync
  }
  async #syncAfter(running: Promise<void> | undefined): Promise<void> {
    await running?.catch(() => undefined)
    this.#syncing = this.#nextSync
    this.#nextSync = undefined
    await this.#parts.spool.sync()
  }

  #tick(): void {
    this.#turnFlood(Date.now())
    this.#reportDrops()
    this.#sync().catch((error) => this.#parts.log.error({ err: error }, 'the spool was not synced'))
  }

  #turnFlood(now: number): void {
    const summaries = summarise(this.#flood)
    this.#flood = newFlood(now)
    for (const event of summaries) this.#put(event)
  }

  #reportDrops(): void {
    const { success, other } = this.#dropped
    if (success + other === 0 || !this.#hasRoom('success')) return
    this.#dropped = { success: 0, other: 0 }
    this.#put(dropsEvent(success, other))
  }
}

function newBatch(): Batch {
  const written = Promise.withResolvers<void>()
  written.promise.catch(() => undefined)
  return { lines: [], written }
}

const unavailable = (why: string, cause?: unknown): Refusal =>
  new Refusal('AUDIT_UNAVAILABLE', {
    rule: `audit: ${why}`,
    remedy: 'bring the audit collector back, or give the spool room',
    headers: { 'retry-after': '5' },
    cause,
  })

const dropsEvent = (success: number, other: number): NewAuditEvent => ({
  action: 'audit.dropped',
  userId: null,
  status: 'failure',
  event: {
    kind: 'event',
    category: ['process'],
    type: ['error'],
    reason: 'events were lost because the spool was full or its disk failed',
  },
  countersign: { repeated: success + other, details: { success, other } },
})
