import { control } from '@countersign/contract/platform'
import { messageOf } from '@countersign/ground/errors'
import type { Log } from '@countersign/ground/telemetry'
import type { Workload } from '@countersign/service'
import { REPORT_MS } from '../limits.ts'
import { reports, type TargetReport } from './target-health.ts'
import type { Ways } from './ways.ts'

/** How often it is looked whether something has changed. */
const LOOK_MS = 500

interface Reporting {
  readonly look: () => readonly TargetReport[]
  readonly tell: (targets: readonly TargetReport[], signal: AbortSignal) => Promise<unknown>
  readonly log: Log
}

/**
 * Tells the control plane what is found of targets: when that has changed, and every REPORT_MS, since it forgets it when it
 * starts anew. One report at a time; one that does not arrive is followed by the next.
 */
export class HealthReporter {
  readonly #timer: NodeJS.Timeout
  readonly #abort = new AbortController()
  readonly #by: Reporting
  #told = '[]'
  #toldAt = Number.NEGATIVE_INFINITY
  #telling = false

  constructor(by: Reporting) {
    this.#by = by
    this.#timer = setInterval(() => void this.#look(), LOOK_MS).unref()
  }
  close(): void {
    clearInterval(this.#timer)
    this.#abort.abort()
  }

  async #look(): Promise<void> {
    if (this.#telling) return
    const targets = this.#by.look()
    const text = JSON.stringify(targets)
    const now = performance.now()
    const due = text !== '[]' && now - this.#toldAt >= REPORT_MS
    if (text === this.#told && !due) return
    this.#telling = true
    try {
      await this.#by.tell(targets, this.#abort.signal)
      this.#told = text
      this.#toldAt = now
    } catch (error) {
      this.#by.log.debug({ reason: messageOf(error) }, 'the health of targets was not taken')
    } finally {
      this.#telling = false
    }
  }
}

/** Tells the control plane what this gateway finds of the targets of upstreams. */
export function reportTargets(
  workload: Pick<Workload<'gateway'>, 'log' | 'instance' | 'call'>,
  ways: Pick<Ways, 'groups'>,
): HealthReporter {
  const { log, instance } = workload
  return new HealthReporter({
    log,
    look: () => reports(ways.groups()),
    tell: (targets, signal) =>
      workload
        .call(control)
        .reportHealth({ body: { instance, targets: targets.map(mutable) } }, { signal }),
  })
}
const mutable = ({ addresses, ...report }: TargetReport) => ({
  ...report,
  addresses: [...addresses],
})
