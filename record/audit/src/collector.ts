import { randomUUID } from 'node:crypto'
import type { AuditEvent, NewAuditEvent } from '@countersign/contract/platform'
import { Refusal } from '@countersign/layers'
import type { Catalogue } from './catalogue/catalogue.ts'
import { type Entry, fromBytes, toEntry } from './domain/entry.ts'
import type { Events } from './events.ts'
import { ENTRY_BYTES_MAX, WAITING_BYTES_MAX, WAITING_ENTRIES_MAX } from './limits.ts'
import type { EntryLog } from './log/entry-log.ts'
import type { EntryReader } from './log/entry-reader.ts'

const CATCH_UP_ENTRIES = 1_000

/** What looks wrong about an event; told of each event once, in the order in which they enter the log. */
type Detect = (event: AuditEvent, now: number) => readonly NewAuditEvent[]

export interface CollectorOptions {
  readonly log: EntryLog
  readonly reader: EntryReader
  readonly catalogue: Catalogue
  readonly detect: Detect
  /** Whose alerts these are. */
  readonly instance: string
  readonly events: Events
}

/**
 * Takes events into the log.
 *
 * - a sender speaks for itself only: the service of an event is the name in the caller's certificate
 * - an alert is the log's own word: detection looks at everything that others send
 * - an id that is in the log, or on its way there, is not taken again, but answered like the first
 * - alerts about an event become durable together with it
 */
export class Collector {
  readonly #options: CollectorOptions
  /** Events that are being written, by id. */
  readonly #underway = new Map<string, Promise<unknown>>()
  #catchingUp: Promise<void> | undefined
  /** Called whenever there is something new in the log. */
  onCommitted: () => void = () => undefined

  constructor(options: CollectorOptions) {
    this.#options = options
    options.log.committed = (first, entries) => this.#commit(first, entries)
  }

  /** Whether events can be taken. */
  get ready(): boolean {
    const { log, catalogue } = this.#options
    return this.#hasRoom() && catalogue.size === log.size
  }

  /** Durable on return. Throws `Refusal`. */
  async append(
    events: readonly AuditEvent[],
    caller: string,
  ): Promise<{ accepted: number; known: number }> {
    const began = performance.now()
    checkSender(events, caller)
    checkKind(events)
    if (!this.#hasRoom()) throw new Refusal('OVERLOADED', { headers: { 'retry-after': '1' } })
    await this.catchUp()
    const sent = new Map(events.map((event) => [event.id, event]))
    const waits: Promise<unknown>[] = []
    const fresh: Entry[] = []
    for (const [id, event] of sent) {
      const underway = this.#underway.get(id)
      if (underway !== undefined) waits.push(underway)
      else if (this.#options.catalogue.find(id) === undefined) fresh.push(checkSize(event))
    }
    if (fresh.length > 0) waits.push(this.#write(fresh))
    await Promise.all(waits).catch(unavailable)
    const known = events.length - fresh.length
    this.#options.events.taken(fresh.length, known, (performance.now() - began) / 1_000)
    return { accepted: fresh.length, known }
  }

  /** Brings the catalogue up to the log. Throws `Refusal` where that cannot be done now. */
  catchUp(): Promise<void> | undefined {
    const { catalogue, log } = this.#options
    if (catalogue.size === log.size) return undefined
    this.#catchingUp ??= this.#readOn().finally(() => {
      this.#catchingUp = undefined
    })
    return this.#catchingUp
  }

  #write(fresh: readonly Entry[]): Promise<unknown> {
    const now = Date.now()
    const alerts = fresh.flatMap(({ event }) => this.#alertsAbout(event, now))
    const written = this.#options.log.append([...fresh, ...alerts])
    for (const { event } of fresh) this.#underway.set(event.id, written)
    return written.finally(() => {
      for (const { event } of fresh) this.#underway.delete(event.id)
    })
  }

  #alertsAbout(event: AuditEvent, now: number): Entry[] {
    const { instance, events } = this.#options
    return this.#detect(event, now).map((alert) => {
      events.alerted(alert.rule?.id ?? 'unknown')
      return toEntry({
        ...alert,
        id: randomUUID(),
        timestamp: new Date(now).toISOString(),
        serviceName: 'audit',
        service: { node: { name: instance } },
      })
    })
  }

  // The log takes events whether or not somebody can make sense of them.
  #detect(event: AuditEvent, now: number): readonly NewAuditEvent[] {
    const { detect, events } = this.#options
    try {
      return detect(event, now)
    } catch (error) {
      events.detectionFailed(error)
      return []
    }
  }

  #commit(first: number, entries: readonly Entry[]): void {
    const { catalogue, events } = this.#options
    if (catalogue.size === first) {
      try {
        catalogue.add(
          first,
          entries.map(({ event }) => event),
        )
      } catch (error) {
        events.catalogueBehind(error)
      }
    }
    this.onCommitted()
  }

  async #readOn(): Promise<void> {
    const { catalogue, log, reader, events } = this.#options
    try {
      while (catalogue.size < log.size) {
        const first = catalogue.size
        const count = Math.min(CATCH_UP_ENTRIES, log.size - first)
        const bytes = Array.from({ length: count }, (_, i) => reader.entry(first + i))
        const read = await Promise.all(bytes)
        catalogue.add(
          first,
          read.map((each) => fromBytes(each).event),
        )
      }
    } catch (error) {
      events.catalogueBehind(error)
      unavailable(error)
    }
  }

  #hasRoom(): boolean {
    const { entries, bytes } = this.#options.log.waiting
    return entries < WAITING_ENTRIES_MAX && bytes < WAITING_BYTES_MAX
  }
}

function checkSender(events: readonly AuditEvent[], caller: string): void {
  const other = events.find(({ serviceName }) => serviceName !== caller)
  if (other === undefined) return
  throw new Refusal('CALLER_FORBIDDEN', {
    detail: 'A workload can send events of its own only',
    rule: `audit: ${caller} sent an event of ${JSON.stringify(other.serviceName)}`,
    remedy: `send events of ${JSON.stringify(other.serviceName)} with its own certificate`,
  })
}

function checkKind(events: readonly AuditEvent[]): void {
  const claimed = events.findIndex(({ event }) => event.kind === 'alert')
  if (claimed < 0) return
  throw new Refusal('BODY_INVALID', {
    errors: [{ field: `body.events.${claimed}.event.kind`, message: 'alerts are made by the log' }],
    rule: 'audit: alerts are made by detection',
    remedy: 'send an event of kind "event"',
  })
}

function checkSize(event: AuditEvent): Entry {
  const entry = toEntry(event)
  if (entry.bytes.length <= ENTRY_BYTES_MAX) return entry
  throw new Refusal('BODY_INVALID', {
    detail: `An event has at most ${ENTRY_BYTES_MAX} bytes`,
    rule: `audit: event ${event.id} has ${entry.bytes.length} bytes`,
  })
}

function unavailable(cause: unknown): never {
  throw new Refusal('AUDIT_UNAVAILABLE', {
    rule: 'audit: the events could not be made durable',
    headers: { 'retry-after': '1' },
    cause,
  })
}
