import type { ControlConfiguration } from '@countersign/contract/platform'
import type { KongConfig } from '@countersign/kong'

export interface HealthReport {
  readonly instance: string
  readonly targets: readonly {
    readonly target: string
    readonly health: string
    readonly addresses?: readonly { readonly ip: string; readonly health: string }[]
  }[]
}

/** The control plane as gateways see it: the newest configuration, and what each has said. */
export class ControlPlane {
  #newest: ControlConfiguration = { version: 0, config: {}, overrides: [] }
  readonly #waiting = new Set<() => void>()
  /** By instance: the version that it runs with, and why not with a newer one. */
  readonly said = new Map<string, { applied: number; fault: string | undefined }>()
  /** By instance: what each has found of targets. */
  readonly health = new Map<string, HealthReport['targets']>()
  isAway = false

  /** Gives the version. */
  set(config: KongConfig, overrides: ControlConfiguration['overrides'] = []): number {
    const version = this.#newest.version + 1
    this.#newest = { version, config: JSON.parse(JSON.stringify(config)), overrides }
    for (const wake of this.#waiting) wake()
    return version
  }
  async answer(
    query: { after: number; wait: number; applied: number; fault?: string; instance: string },
    signal: AbortSignal,
  ): Promise<ControlConfiguration> {
    if (this.isAway) throw new Error('the control plane is away')
    this.said.set(query.instance, { applied: query.applied, fault: query.fault })
    if (this.#newest.version <= query.after) await this.#change(query.wait, signal)
    return this.#newest
  }
  async #change(seconds: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, seconds * 1000)
    signal.addEventListener('abort', () => resolve())
    this.#waiting.add(resolve)
    await promise
    clearTimeout(timer)
    this.#waiting.delete(resolve)
  }
}
