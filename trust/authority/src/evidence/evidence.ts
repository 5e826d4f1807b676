import { type TrustReport, trustReportSchema } from '@countersign/contract/platform'
import { Refusal } from '@countersign/layers'
import { z } from 'zod'
import { PUBLIC_LIFETIME_MS_MAX } from '../limits.ts'
import type { SyncTopic } from '../peers/topic.ts'
import {
  HEARSAY_MS_MIN,
  REPORT_KEPT_MS,
  REPORTS_MAX,
  REPORTS_PER_NAME_MAX,
} from '../trust/limits.ts'
import { keyOf, type Report } from './domain/fact.ts'

/** A report, and whether the workload said it here or another authority heard it. */
interface Kept {
  readonly report: Report
  readonly isOwn: boolean
}
export interface EvidenceOptions {
  readonly now: () => number
  /** Called when an instance shows certificates that it did not show before. Must not throw. */
  readonly onShown: (report: Report) => void
}
const saidSchema = z
  .array(
    z.strictObject({
      ...trustReportSchema.shape,
      name: z.string().min(1).max(63),
      lineage: z.string().max(40).optional(),
      /** How long ago it was said. Ages need no clocks that agree. */
      ageMs: z.int().nonnegative(),
    }),
  )
  .max(REPORTS_MAX)

/**
 * What workloads have said they trust and show: the latest word of each instance. Each is heard by one authority, which tells
 * the others. All of it is in memory: after a restart nobody has said anything, and the gates are closed until they have.
 *
 * Who reports has proven a name, and no more. So one certificate and all that were renewed from it speak for one instance, the
 * last one that was said; and nothing that is reported lasts longer than any certificate that can be.
 */
export class Evidence {
  readonly topic: SyncTopic
  readonly #options: EvidenceOptions
  readonly #kept = new Map<string, Kept>()
  readonly #perName = new Map<string, number>()
  /** Which instance a lineage speaks for, by `keyOf`. */
  readonly #speaks = new Map<string, string>()

  constructor(options: EvidenceOptions) {
    this.#options = options
    this.topic = {
      name: 'evidence',
      say: () => this.#say(),
      hear: async (said) => this.#hear(said),
      // Told with each round, and before each step. Not at each change: there are thousands of workloads.
      onChange: () => () => undefined,
    }
  }

  /** Takes in the word of an instance about itself. Throws `Refusal` OVERLOADED where there are too many. */
  note(name: string, said: TrustReport, lineage?: string): void {
    const at = this.#options.now()
    const certificates = said.certificates.map(({ notAfter, ...shown }) => ({
      ...shown,
      notAfter: Math.min(notAfter, at + PUBLIC_LIFETIME_MS_MAX),
    }))
    const report = { ...said, certificates, name, at, lineage }
    if (this.#keep({ report, isOwn: true })) return
    const rule = `there are reports of ${this.#kept.size} instances already`
    throw new Refusal('OVERLOADED', { rule })
  }

  /** The latest word of each instance, also of those that have left. */
  reports(): Report[] {
    this.#forget()
    return [...this.#kept.values()].map(({ report }) => report)
  }

  #say(): unknown {
    this.#forget()
    const now = this.#options.now()
    const own = [...this.#kept.values()].filter(({ isOwn }) => isOwn)
    return own.map(({ report: { at, ...report } }) => ({ ...report, ageMs: Math.max(0, now - at) }))
  }

  #hear(said: unknown): void {
    const now = this.#options.now()
    for (const { ageMs, ...report } of saidSchema.parse(said)) {
      const known = this.#kept.get(keyOf(report))
      const at = now - ageMs
      if (at <= (this.#otherOf(report)?.report.at ?? -Infinity)) continue
      const marginMs = known?.isOwn === true ? HEARSAY_MS_MIN : 0
      if (known === undefined || at > known.report.at + marginMs)
        this.#keep({ report: { ...report, at }, isOwn: false })
    }
  }

  #keep(kept: Kept): boolean {
    const { report } = kept
    const key = keyOf(report)
    const before = this.#kept.get(key)?.report
    const other = this.#otherOf(report)
    if (other !== undefined) this.#drop(other.report)
    if (before === undefined && !this.#makeRoom(report.name)) return false
    this.#kept.set(key, kept)
    if (before?.lineage !== undefined) this.#speaks.delete(before.lineage)
    if (report.lineage !== undefined) this.#speaks.set(report.lineage, key)
    const shown = new Set(before?.certificates.map(({ serial }) => serial))
    if (report.certificates.some(({ serial }) => !shown.has(serial))) this.#options.onShown(report)
    return true
  }

  #makeRoom(name: string): boolean {
    const isFull = () =>
      this.#kept.size >= REPORTS_MAX || (this.#perName.get(name) ?? 0) >= REPORTS_PER_NAME_MAX
    if (isFull()) this.#forget()
    if (isFull()) return false
    this.#perName.set(name, (this.#perName.get(name) ?? 0) + 1)
    return true
  }

  #forget(): void {
    const before = this.#options.now() - REPORT_KEPT_MS
    for (const { report } of this.#kept.values())
      if (!report.certificates.some(({ notAfter }) => before < notAfter)) this.#drop(report)
  }

  /** What this lineage has said as another instance. */
  #otherOf(report: Omit<Report, 'at'>): Kept | undefined {
    const key = this.#speaks.get(report.lineage ?? '')
    return key === undefined || key === keyOf(report) ? undefined : this.#kept.get(key)
  }

  #drop({ name, instance, lineage }: Report): void {
    this.#kept.delete(keyOf({ name, instance }))
    if (lineage !== undefined) this.#speaks.delete(lineage)
    const left = (this.#perName.get(name) ?? 1) - 1
    if (left > 0) this.#perName.set(name, left)
    else this.#perName.delete(name)
  }
}
