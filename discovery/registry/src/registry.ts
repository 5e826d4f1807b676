import { restore, encodeSnapshot } from './domain/snapshot.ts'
import { type Effect, emptyState, keyOf, type Outcome, type RegistryState } from './domain/state.ts'
import { type ProbeResult, probed } from './domain/probed.ts'
import { tick } from './domain/tick.ts'
import { isRefused, type Refused } from './errors.ts'
import type { Events } from './events.ts'
import { SETTLE_MS_MAX, TICK_MS } from './limits.ts'
import { Prober, type Probe } from './probe/prober.ts'
import type { SnapshotFile } from './store/snapshot-file.ts'
import { Watches } from './watch/watches.ts'

export interface RegistryParts {
  readonly probe: Probe
  readonly snapshots: SnapshotFile
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number
  readonly events: (registry: Registry) => Events
}

/** Holds the state and does what the rules say: wakes readers, probes, saves, tells. */
export class Registry {
  readonly watches: Watches = new Watches()
  readonly events: Events
  readonly #parts: RegistryParts
  readonly #prober: Prober
  #state: RegistryState
  #ticking: NodeJS.Timeout | undefined
  #unsettled = new Set<string>()
  #settle: () => void = () => {}
  /** Resolves when the instances of before a restart were probed, or the time for that is over. */
  readonly settled: Promise<void>

  constructor(parts: RegistryParts) {
    this.#parts = parts
    this.#state = emptyState(parts.now())
    this.events = parts.events(this)
    this.settled = new Promise((resolve) => {
      this.#settle = resolve
    })
    this.#prober = new Prober({
      probe: async (at) => {
        const before = parts.now()
        const result = await parts.probe(at)
        this.events.probed(result.found, (parts.now() - before) / 1_000)
        return result
      },
      find: (key) => this.#state.instances.get(key),
      done: (key, generation, result) => this.#probed(key, generation, result),
    })
  }

  get state(): RegistryState {
    return this.#state
  }
  get now(): number {
    return this.#parts.now()
  }

  /** Takes up the state of before, where there is one. */
  async start(): Promise<void> {
    const text = await this.#parts.snapshots.load()
    const restored = text === undefined ? undefined : restore(text, this.now)
    if (restored !== undefined) {
      for (const { name, id } of restored.state.instances.values())
        this.#unsettled.add(keyOf(name, id))
      this.apply(() => restored)
    }
    this.#ticking = setInterval(() => this.apply((state) => tick(state, this.now)), TICK_MS)
    if (this.#unsettled.size === 0) this.#settle()
    else setTimeout(this.#settle, SETTLE_MS_MAX).unref()
  }

  /** Applies a rule to the state; a refusal changes nothing and is returned. */
  apply(rule: (state: RegistryState) => Outcome | Refused): Refused | undefined {
    const outcome = rule(this.#state)
    if (isRefused(outcome)) return outcome
    this.#state = outcome.state
    for (const effect of outcome.effects) this.#do(effect)
    return undefined
  }

  /** Lets the waiting readers go. */
  drain(): void {
    this.watches.close()
  }
  async close(): Promise<void> {
    clearInterval(this.#ticking)
    this.#prober.close()
    this.watches.close()
    this.#settle()
    await this.#parts.snapshots.flush()
  }

  #probed(key: string, generation: number, result: ProbeResult): void {
    this.apply((state) => probed(state, { key, generation, result }, this.now))
    if (this.#unsettled.delete(key) && this.#unsettled.size === 0) this.#settle()
  }

  #do(effect: Effect): void {
    if (effect.kind === 'changed') this.watches.notify(effect.topic)
    else if (effect.kind === 'probe') this.#prober.soon(effect.key)
    else if (effect.kind === 'save')
      this.#parts.snapshots.saveSoon(() => encodeSnapshot(this.#state))
    else if (effect.kind === 'published') this.events.published(effect.service)
    else this.events.turned(effect.kind, effect.instance)
  }
}
