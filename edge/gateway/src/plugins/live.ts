import type { SecureContext } from 'node:tls'
import { messageOf } from '@countersign/ground/errors'
import type { Log } from '@countersign/ground/telemetry'
import type { PluginInstance, PluginPlace, RouteInfo, ServiceInfo } from '@countersign/kong'
import { type CompiledKong, chainOf } from '../domain/operator/compile.ts'
import type { PlannedPlugin } from '../domain/operator/plugin-chain.ts'
import type { Route } from '../domain/route.ts'
import { type OperatorContexts, operatorContexts } from '../door/operator-contexts.ts'
import type { WaySet } from '../upstream/ways.ts'
import { type BoundChain, bindChain } from './bound-chain.ts'
import type { ToolBox } from './tool-box.ts'

/**
 * A compiled configuration with the instances of its plugins. Requests hold it while they are under way; when the next one
 * has taken its place and the last request that held it has ended, its instances are closed.
 */
export class Live {
  readonly compiled: CompiledKong
  readonly chains: readonly BoundChain[]
  readonly contexts: OperatorContexts
  /** Where its requests go. */
  readonly ways: WaySet
  readonly #instances: readonly PluginInstance[]
  readonly #toolBox: ToolBox
  readonly #log: Log
  #held = 0
  #retired = false

  /**
   * Makes the instances, and what TLS needs of certificates; `before`: what there is of them. Throws where one cannot be
   * used, and what a plugin throws, after closing what was made.
   */
  constructor(
    compiled: CompiledKong,
    by: {
      readonly toolBox: ToolBox
      readonly log: Log
      readonly before: OperatorContexts
      readonly ways: WaySet
    },
  ) {
    this.compiled = compiled
    this.ways = by.ways
    this.contexts = operatorContexts(compiled.config.certificates, by.before)
    this.#toolBox = by.toolBox
    this.#log = by.log
    const made: PluginInstance[] = []
    this.#instances = made
    try {
      for (const planned of compiled.planned)
        made.push(planned.plugin.create(planned.config, this.#placeOf(planned)))
    } catch (error) {
      this.#close()
      throw error
    }
    this.chains = compiled.chains.map((chain) => bindChain(chain, compiled.planned, made))
  }

  /** The plugins of a route. `isPlatform`: it is one of the platform's own. */
  chainFor(route: Route, isPlatform: boolean): BoundChain | undefined {
    const at = chainOf(this.compiled, route, isPlatform)
    return at === undefined ? undefined : this.chains[at]
  }

  /** The certificate for a name that a client sends; `undefined`: no operator has one for it. */
  certificateFor(sni: string): SecureContext | undefined {
    const found = this.compiled.certificates.certificateFor(sni)
    return found === undefined ? undefined : this.contexts.get(found.id)?.context
  }

  /** A request begins with this configuration; it gives it back by `release`, once. */
  hold(): void {
    this.#held++
  }
  release(): void {
    this.#held--
    if (this.#retired && this.#held === 0) this.#close()
  }
  /** Another has taken its place. */
  get retired(): boolean {
    return this.#retired
  }
  /** No request begins with it any more. */
  retire(): void {
    if (this.#retired) return
    this.#retired = true
    if (this.#held === 0) this.#close()
  }

  #placeOf({ entity }: PlannedPlugin): PluginPlace {
    const { config } = this.compiled
    const route = config.routes.find(({ id }) => id === entity.route?.id)
    const service = config.services.find(({ id }) => id === entity.service?.id)
    return {
      id: entity.id,
      route: route === undefined ? undefined : routeInfo(route),
      service: service === undefined ? undefined : serviceInfo(service),
      consumer: config.consumers.find(({ id }) => id === entity.consumer?.id),
      tools: this.#toolBox.toolsFor(entity),
    }
  }

  /** What one instance cannot close keeps no other from it. */
  #close(): void {
    for (const instance of this.#instances) {
      try {
        void Promise.resolve(instance.close?.()).catch((error) => this.#notClosed(error))
      } catch (error) {
        this.#notClosed(error)
      }
    }
    this.#toolBox.close()
    this.ways.release()
  }
  #notClosed(error: unknown): void {
    this.#log.warn({ reason: messageOf(error) }, 'a plugin could not be closed')
  }
}

const routeInfo = (route: { id: string; name: string | null }): RouteInfo => ({
  ...{ id: route.id, name: route.name ?? route.id, declared: false },
})

/** What plugins hear of a Kong service. */
export function serviceInfo(service: {
  readonly id: string
  readonly name: string | null
  readonly host: string
  readonly port: number
  readonly protocol: string
}): ServiceInfo {
  const { id, host, port, protocol } = service
  return { id, host, port, protocol, name: service.name ?? service.id }
}
