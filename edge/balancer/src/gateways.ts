import type { Instances } from '@countersign/service'
import { checkGateway } from './check-gateway.ts'
import { choose } from './domain/choose.ts'
import {
  fail,
  type GatewayState,
  type HealthStep,
  newGateway,
  pass,
} from './domain/gateway-state.ts'
import type { Events } from './events.ts'
import { CHECK_INTERVAL_MS, CHECK_TIMEOUT_MS, GATEWAYS_MAX } from './limits.ts'

const ADDRESS = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9.-]+)):([0-9]{1,5})$/i

export interface GatewayOptions {
  /** `host:port` of gateways to use while the registry knows none. */
  readonly seeds: readonly string[]
  readonly instances: Instances
  readonly events: Events
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number
}

/**
 * The gateways as they are now. Their set follows the registry; their health follows checks on a timer and
 * every connection that fails.
 */
export class Gateways {
  readonly #options: GatewayOptions
  readonly #now: () => number
  readonly #checks: NodeJS.Timeout
  readonly #unwatch: () => void
  readonly #checking = new Set<string>()
  #states = new Map<string, GatewayState>()
  #turn = 0

  constructor(options: GatewayOptions) {
    this.#options = options
    this.#now = options.now ?? (() => performance.now())
    this.#unwatch = options.instances.onChange(() => this.#refresh())
    this.#refresh()
    this.#checks = setInterval(() => this.#checkAll(), CHECK_INTERVAL_MS)
    this.#checkAll()
  }

  get anyHealthy(): boolean {
    return [...this.#states.values()].some((each) => each.healthy)
  }
  states(): readonly GatewayState[] {
    return [...this.#states.values()]
  }

  /** The gateway for a new connection, `undefined` when all were tried. */
  choose(tried: ReadonlySet<string>): { address: string; host: string; port: number } | undefined {
    const options = { tried, turn: this.#turn++, now: this.#now() }
    const chosen = choose([...this.#states.values()], options)
    return chosen === undefined ? undefined : { address: chosen.address, ...split(chosen.address) }
  }
  opened(address: string): void {
    const connections = this.#count(address, 1)
    if (connections !== undefined) this.#options.events.opened(address, connections)
  }
  closed(address: string): void {
    // A gateway that has left takes its figures with it.
    const connections = this.#count(address, -1)
    if (connections !== undefined) this.#options.events.closed(address, connections)
  }
  failed(address: string, why: string): void {
    this.#options.events.failed(address, 'connect', why)
    this.#step(address, (state) => fail(state, 'connect', this.#now()), why)
  }
  close(): void {
    clearInterval(this.#checks)
    this.#unwatch()
    this.#options.instances.close()
  }

  /** Keeps what is known of gateways that stay, also of connections to them that are still open. */
  #refresh(): void {
    const registered = this.#options.instances
      .current()
      .map((entry) => entry.Service.Meta.public)
      .filter((address) => address !== undefined && isAddress(address))
    const wanted = registered.length > 0 ? registered : this.#options.seeds
    const next = new Map<string, GatewayState>()
    for (const address of wanted.slice(0, GATEWAYS_MAX))
      if (address !== undefined) next.set(address, this.#states.get(address) ?? newGateway(address))
    const gone = [...this.#states.keys()].filter((address) => !next.has(address))
    const fresh = [...next.keys()].filter((address) => !this.#states.has(address))
    this.#states = next
    if (gone.length + fresh.length > 0) this.#options.events.known(fresh, gone)
  }

  #checkAll(): void {
    for (const address of this.#states.keys()) void this.#check(address)
  }
  async #check(address: string): Promise<void> {
    if (this.#checking.has(address)) return
    this.#checking.add(address)
    const fault = await checkGateway(split(address), CHECK_TIMEOUT_MS)
    this.#checking.delete(address)
    if (fault === undefined) return this.#step(address, (state) => pass(state, this.#now()), '')
    this.#options.events.failed(address, 'check', fault)
    this.#step(address, (state) => fail(state, 'check', this.#now()), fault)
  }
  #step(address: string, step: (state: GatewayState) => HealthStep, why: string): void {
    const state = this.#states.get(address)
    if (state === undefined) return
    const { state: next, effect } = step(state)
    this.#states.set(address, next)
    if (effect === 'ejected') this.#options.events.ejected(address, why)
    else if (effect === 'readmitted') this.#options.events.readmitted(address)
  }
  #count(address: string, by: 1 | -1): number | undefined {
    const state = this.#states.get(address)
    if (state === undefined) return undefined
    const connections = Math.max(0, state.connections + by)
    this.#states.set(address, { ...state, connections })
    return connections
  }
}

/** What a gateway says of itself is not believed to be an address: a port of five digits can be none. */
function isAddress(address: string): boolean {
  return ADDRESS.test(address) && split(address).port <= 65_535
}

function split(address: string): { host: string; port: number } {
  const [, bracketed, plain, port] = ADDRESS.exec(address) ?? []
  return { host: bracketed ?? plain ?? '', port: Number(port) }
}
