import type { AuditEvent } from '@countersign/contract/platform'

/** Something that looks wrong. */
export interface Finding {
  /** What is behind it: findings of the same cause are one alert for a while. */
  readonly cause: string
  /** For people: what was seen, and how often. */
  readonly reason: string
}

/** A rule, told of each event once. Each lives in a file of its own, below the source whose events it reads. */
export interface Rule {
  /** `<source>.<what>`; never changes, since people filter by it. */
  readonly id: string
  readonly name: string
  /** Begins to watch, with what `save` gave an earlier time; `undefined`, or of another form, to begin anew. */
  watch(saved: unknown): Watcher
}

/** State of a rule. Has no clock: `now` comes with each event, in milliseconds, and never lies before the event's time. */
export interface Watcher {
  observe(event: AuditEvent, now: number): readonly Finding[]
  /** What is worth keeping over a restart, as JSON; absent where nothing is. */
  save?(): unknown
}
