import { messageOf } from '@countersign/ground/errors'
import type { Log, Metrics } from '@countersign/ground/telemetry'
import type { Directory, PluginEntity, PluginTools } from '@countersign/kong'
import { type FleetStore, type Limiter, partOfFleet, type TokenVerifier } from '@countersign/layers'
import type { SharedStores } from './shared-stores.ts'

/** What the gateway has to lend, whatever the configuration. */
export interface Lent {
  readonly log: Log
  readonly metrics: Metrics
  readonly limiter: Limiter
  readonly fleet: FleetStore
  readonly verifier: Pick<TokenVerifier, 'verify'>
  readonly issuer: string
  readonly audience: string
  readonly fetch: PluginTools['fetch']
  readonly platform: PluginTools['platform']
  readonly stores: SharedStores
  readonly targets: NonNullable<PluginTools['targets']>
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** The tools of one configuration's plugins. What they do again and again ends with it. */
export class ToolBox {
  readonly #lent: Lent
  readonly #directory: Directory
  readonly #timers = new Set<NodeJS.Timeout>()

  constructor(lent: Lent, directory: Directory) {
    this.#lent = lent
    this.#directory = directory
  }

  toolsFor({ name, id }: PluginEntity): PluginTools {
    const { limiter, metrics, verifier, issuer, audience, fetch, stores, platform, now, targets } =
      this.#lent
    const log = this.#lent.log.child({ plugin: name, entity: id })
    const fleet = partOfFleet(this.#lent.fleet, `${name}:`)
    return {
      ...{ log, metrics, limiter, fleet, issuer, audience, fetch, platform, now, targets },
      directory: this.#directory,
      verifyToken: (token) => verifier.verify(token, undefined),
      every: (ms, what) => this.#every(ms, what, log),
      shared: (key, make) => stores.get(key, make),
    }
  }
  close(): void {
    for (const timer of this.#timers) clearInterval(timer)
    this.#timers.clear()
  }

  #every(ms: number, what: () => void | Promise<void>, log: Log): () => void {
    const failed = (error: unknown): void =>
      log.warn({ reason: messageOf(error) }, 'what a plugin does again and again has failed')
    // One at a time: what takes longer than its pause does not pile up.
    let running = false
    const timer = setInterval(() => {
      if (running) return
      running = true
      void (async () => what())()
        .catch(failed)
        .finally(() => {
          running = false
        })
    }, ms)
    timer.unref()
    this.#timers.add(timer)
    return () => {
      clearInterval(timer)
      this.#timers.delete(timer)
    }
  }
}
