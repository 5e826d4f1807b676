import type { Metrics } from '@countersign/ground/telemetry'
import { GATEWAY_SILENT_MS, GATEWAYS_MAX } from '../limits.ts'

/** What a gateway has said of itself. */
export interface Gateway {
  readonly instance: string
  /** Version that it runs with. */
  readonly applied: number
  /** Why the newest could not be applied. */
  readonly fault: string | null
  /** Milliseconds since 1970, when it last asked. */
  readonly seen: number
  readonly present: boolean
}
type Known = Omit<Gateway, 'instance' | 'present'>
export interface TargetHealth {
  readonly target: string
  readonly health: string
  readonly addresses?:
    | readonly { readonly ip: string; readonly port: number; readonly health: string }[]
    | undefined
}

/** What the gateways run with, and what they find of targets. Bounded: the ones that were silent longest go. */
export class Gateways {
  readonly #now: () => number
  readonly #known = new Map<string, Known>()
  readonly #health = new Map<string, ReadonlyMap<string, TargetHealth>>()
  constructor(now: () => number, metrics: Metrics, newest: () => number) {
    this.#now = now
    const list = (): readonly Gateway[] => this.list()
    metrics.gauge(
      'countersign_control_version',
      'The newest version of the configuration',
      [],
      function () {
        this.set(newest())
      },
    )
    metrics.gauge(
      'countersign_control_gateway_version',
      'The version of the configuration that a gateway runs with',
      ['instance'],
      function () {
        this.reset()
        for (const { instance, applied } of list()) this.set({ instance }, applied)
      },
    )
    metrics.gauge(
      'countersign_control_gateway_fault',
      'Whether a gateway could not apply the newest configuration',
      ['instance'],
      function () {
        this.reset()
        for (const { instance, fault } of list()) this.set({ instance }, fault === null ? 0 : 1)
      },
    )
  }

  saw(
    instance: string,
    said: { readonly applied: number; readonly fault: string | undefined },
  ): void {
    this.#known.delete(instance)
    if (this.#known.size >= GATEWAYS_MAX) this.#forgetOldest()
    this.#known.set(instance, {
      applied: said.applied,
      fault: said.fault ?? null,
      seen: this.#now(),
    })
  }
  found(instance: string, targets: readonly TargetHealth[]): void {
    if (this.#known.has(instance))
      this.#health.set(instance, new Map(targets.map((each) => [each.target, each])))
  }

  list(): readonly Gateway[] {
    const since = this.#now() - GATEWAY_SILENT_MS
    return [...this.#known]
      .map(([instance, known]) => ({ instance, ...known, present: known.seen >= since }))
      .sort((a, b) => (a.instance < b.instance ? -1 : 1))
  }
  /** What each gateway that is present finds of a target. */
  healthOf(target: string): readonly TargetHealth[] {
    const present = new Set(
      this.list()
        .filter((each) => each.present)
        .map(({ instance }) => instance),
    )
    return [...this.#health].flatMap(([instance, found]) => {
      const one = present.has(instance) ? found.get(target) : undefined
      return one === undefined ? [] : [one]
    })
  }

  #forgetOldest(): void {
    const [oldest] = this.#known.keys()
    if (oldest === undefined) return
    this.#known.delete(oldest)
    this.#health.delete(oldest)
  }
}
