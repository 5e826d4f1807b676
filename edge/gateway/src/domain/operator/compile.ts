import type { ContractDescriptor } from '@countersign/contract'
import type { KongConfig, Plugin, PluginEntity, Service as KongService } from '@countersign/kong'
import type { Narrowing } from '@countersign/policy'
import { planWays, type WayPlan } from '../balancing/plan.ts'
import { buildTable, EMPTY_TABLE, type RouteTable } from '../route-table.ts'
import type { Route } from '../route.ts'
import { type Arm, armsOf } from './arm.ts'
import { CertificateIndex } from './certificate-index.ts'
import { checkService, endsAll, type OperatorBounds, operatorRoute } from './operator-route.ts'
import { OperatorTable } from './operator-table.ts'
import { type Chain, type PlannedPlugin, PluginIndex } from './plugin-chain.ts'

/*
 * Kong's entities become what requests are decided by. Pure: plugins are planned here and made elsewhere.
 * What cannot be honoured is a fault, and the configuration before it stays; what is honoured but has no effect is a note.
 */

/** A configuration that can be served. */
export interface CompiledKong {
  readonly config: KongConfig
  readonly table: OperatorTable
  readonly routes: readonly Route[]
  readonly planned: readonly PlannedPlugin[]
  readonly chains: readonly Chain[]
  /** Number of the chain on the routes of contracts: what stands everywhere. */
  readonly contractChain: number | undefined
  /** The same for the platform's own: nothing in it asks for a login, or nobody could log in. */
  readonly platformChain: number | undefined
  readonly certificates: CertificateIndex
  /** Whereto the services lead, by their ids. */
  readonly ways: ReadonlyMap<string, WayPlan>
  /** Some plugin in force looks at the certificates of clients. */
  readonly asksClientCertificates: boolean
  readonly notes: readonly string[]
}
/** All that a request is decided by. */
export interface Compiled {
  readonly kong: CompiledKong
  readonly contracts: RouteTable
}
export type Result<T> =
  | { readonly ok: true; readonly compiled: T }
  | { readonly ok: false; readonly faults: readonly string[] }

/** What a configuration is compiled with. */
export interface Using {
  readonly plugins: readonly Plugin[]
  readonly bounds: OperatorBounds
  /** What an operator's policy file lowers and closes. */
  readonly narrowing: Narrowing
  /** The control plane has checked the plugins' configurations and hidden what is secret in them: they are taken as they are. */
  readonly checked?: true
}

/** Compiles entities and published contracts. Faults: all at once. */
export function compile(
  config: KongConfig,
  contracts: readonly ContractDescriptor[],
  using: Using,
): Result<Compiled> {
  const kong = compileKong(config, using)
  if (!kong.ok) return kong
  return {
    ok: true,
    compiled: { kong: kong.compiled, contracts: buildTable(contracts, EMPTY_TABLE) },
  }
}

/** Compiles Kong's entities. Faults: all at once. */
export function compileKong(config: KongConfig, using: Using): Result<CompiledKong> {
  const faults: string[] = []
  const notes: string[] = []
  const planned = planPlugins(config, using, faults, notes)
  const chains = new Chains(planned)
  const { routes, arms } = compileRoutes(config, { ...using, chains, faults, notes })
  const certificates = new CertificateIndex(config, (what) => void faults.push(what))
  const ways = planWays(config, faults, notes)
  if (faults.length > 0) return { ok: false, faults }
  const contractChain = chains.everywhere(() => true)
  const platformChain = chains.everywhere((planned) => !closesLogin(planned))
  return {
    ok: true,
    compiled: {
      ...{ config, routes, planned, certificates, notes, contractChain, platformChain, ways },
      table: new OperatorTable(arms),
      chains: chains.all,
      asksClientCertificates: planned.some(({ entity }) => entity.name === 'mtls-auth'),
    },
  }
}

/** On the platform's own paths people log in, administrators too who want to take a plugin away again. */
const closesLogin = (planned: PlannedPlugin): boolean =>
  planned.plugin.authenticates === true ||
  planned.plugin.name === 'acl' ||
  (planned.plugin.name === 'request-termination' && endsAll(planned))

/** The chain that a request has on this route. */
export function chainOf(kong: CompiledKong, route: Route, isPlatform: boolean): number | undefined {
  if (route.operator !== undefined) return route.chain
  return isPlatform ? kong.platformChain : kong.contractChain
}

function planPlugins(
  config: KongConfig,
  { plugins, checked }: Using,
  faults: string[],
  notes: string[],
): readonly PlannedPlugin[] {
  const known = new Map(plugins.map((plugin) => [plugin.name, plugin]))
  const planned: PlannedPlugin[] = []
  for (const entity of config.plugins) {
    if (!entity.enabled) continue
    const at = `plugin ${entity.name} (${entity.id})`
    const plugin = known.get(entity.name)
    if (plugin === undefined) faults.push(`${at}: is not among the plugins of this gateway`)
    else if (!isReached(entity)) notes.push(`${at}: never runs, its protocols are not spoken here`)
    else if (checked) planned.push({ entity, plugin, config: entity.config })
    else {
      const read = plugin.schema.safeParse(entity.config)
      if (read.success) planned.push({ entity, plugin, config: read.data })
      else faults.push(...read.error.issues.map((issue) => `${at}: ${pathOf(issue)}`))
    }
  }
  return planned
}
const pathOf = ({ path, message }: { path: PropertyKey[]; message: string }): string =>
  `config.${path.map(String).join('.')}: ${message}`

/** This door speaks TLS only, and no protocol below HTTP. */
const SPOKEN: ReadonlySet<string> = new Set(['https', 'grpcs', 'wss'])
const isReached = ({ protocols }: Pick<PluginEntity, 'protocols'>): boolean =>
  protocols.some((protocol) => SPOKEN.has(protocol))

function compileRoutes(
  config: KongConfig,
  using: {
    readonly bounds: OperatorBounds
    readonly narrowing: Narrowing
    readonly chains: Chains
    readonly faults: string[]
    readonly notes: string[]
  },
): { routes: readonly Route[]; arms: readonly Arm[] } {
  const { bounds, narrowing, chains, faults, notes } = using
  const services = new Map<string, KongService>(config.services.map((each) => [each.id, each]))
  for (const service of config.services) {
    const fault = service.enabled ? checkService(service) : undefined
    if (fault !== undefined) faults.push(`service ${service.name ?? service.id}: ${fault}`)
  }
  const routes: Route[] = []
  const arms: Arm[] = []
  for (const entity of config.routes) {
    const at = `route ${entity.name ?? entity.id}`
    const kongService = entity.service === null ? undefined : services.get(entity.service.id)
    if (entity.service !== null && kongService === undefined) {
      faults.push(`${at}: there is no service ${entity.service.id}`)
      continue
    }
    // As in Kong: a service that is turned off has no routes.
    if (kongService?.enabled === false) continue
    if (!entity.protocols.some((protocol) => SPOKEN.has(protocol))) {
      notes.push(`${at}: never matches: this door speaks TLS only, and of ${entity.protocols} none`)
      continue
    }
    const where = { route: entity.id, service: kongService?.id }
    const { chain, at: chainAt } = chains.at(where)
    const planned = chains.planned
    const source = { entity, kongService, chain, chainAt, planned, bounds }
    const route = operatorRoute(source, narrowing)
    routes.push(route)
    arms.push(...armsOf(entity, route, (what) => void faults.push(`${at}: ${what}`)))
  }
  return { routes, arms }
}

interface Numbered {
  readonly chain: Chain
  readonly at: number | undefined
}

/** Chains by what is in them: routes with the same plugins share one. */
class Chains {
  readonly all: Chain[] = []
  readonly planned: readonly PlannedPlugin[]
  readonly #index: PluginIndex
  readonly #numbers = new Map<string, number>()
  /** Of routes that no plugin names: made once for each service. */
  readonly #byService = new Map<string | undefined, Numbered>()

  constructor(planned: readonly PlannedPlugin[]) {
    this.planned = planned
    this.#index = new PluginIndex(planned)
  }
  at(where: { readonly route: string; readonly service: string | undefined }): Numbered {
    if (this.#index.hasRoute(where.route)) return this.#make(where)
    const made = this.#byService.get(where.service) ?? this.#make(where)
    this.#byService.set(where.service, made)
    return made
  }
  #make(where: { readonly route: string; readonly service: string | undefined }): Numbered {
    const chain = this.#index.chainAt(where, () => true)
    return { chain, at: this.#numberOf(chain) }
  }
  /** Where no entity of Kong stands. */
  everywhere(wanted: (planned: PlannedPlugin) => boolean): number | undefined {
    return this.#numberOf(this.#index.chainAt({ route: undefined, service: undefined }, wanted))
  }

  #numberOf(chain: Chain): number | undefined {
    if (chain.length === 0) return undefined
    const key = JSON.stringify(
      chain.map(({ common, byConsumer }) => [common, ...(byConsumer ?? [])]),
    )
    const known = this.#numbers.get(key)
    if (known !== undefined) return known
    this.#numbers.set(key, this.all.length)
    return this.all.push(chain) - 1
  }
}
