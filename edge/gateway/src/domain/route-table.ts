import { type ContractDescriptor, GATEWAY, isReservedName } from '@countersign/contract'
import { contractRoute, type Route } from './route.ts'
import { type Match, overlap, RouteTree } from './route-tree.ts'

/** A route of kong.yml: below one of its prefixes, for its methods and hosts. */
export interface PrefixRoute {
  /** Without trailing slash; empty for `/`. */
  readonly prefix: string
  readonly methods: readonly string[] | undefined
  readonly hosts: readonly string[] | undefined
  readonly route: Route
}
/** A claim that was not honoured, because the paths belong to another service. */
interface Disputed {
  readonly route: Route
  readonly owner: string
}
export interface RouteTable {
  readonly tree: RouteTree
  readonly prefixes: readonly PrefixRoute[]
  readonly routes: readonly Route[]
  readonly disputed: readonly Disputed[]
}

export const EMPTY_TABLE: RouteTable = {
  tree: new RouteTree(),
  prefixes: [],
  routes: [],
  disputed: [],
}

/*
 * - an endpoint is public when its contract lists the gateway among the callers by name: `*` stands for workloads
 * - no service gets a path that could be meant by a path of another; who had it in `before` keeps it, then the platform's
 *   own services, then the order given
 * - a path of the mesh that a public one of the same service would match is closed to the public
 * - what a contract says of a path is never shadowed by kong.yml, whose routes are looked at afterwards
 */
export function buildTable(
  contracts: readonly ContractDescriptor[],
  prefixes: readonly PrefixRoute[],
  before: RouteTable,
): RouteTable {
  const tree = new RouteTree()
  const routes: Route[] = []
  const disputed: Disputed[] = []
  const had = new Set(before.routes.map(claim))
  const wanted = contracts
    .flatMap(({ service, endpoints }) =>
      endpoints
        .filter((endpoint) => endpoint.callers.includes(GATEWAY))
        .map((endpoint) => contractRoute(service, endpoint)),
    )
    .map((route, order) => ({ route, order, rank: rank(route, had) }))
    .sort((a, b) => a.rank - b.rank || a.order - b.order)
  for (const { route } of wanted) {
    const owner = routes.find(
      (each) => each.service !== route.service && overlap(each.endpoint.path, route.endpoint.path),
    )
    if (owner !== undefined) {
      disputed.push({ route, owner: owner.service })
      continue
    }
    routes.push(route)
    tree.add(route)
  }
  for (const route of closedRoutes(contracts, routes)) tree.add(route)
  const longestFirst = [...prefixes].sort((a, b) => b.prefix.length - a.prefix.length)
  return { tree, routes, disputed, prefixes: longestFirst }
}

/**
 * `GET /payments/ping` of the mesh beside the public `GET /payments/:id`: the service would answer by the first, and the
 * gateway must not have decided by the second.
 */
function closedRoutes(contracts: readonly ContractDescriptor[], open: readonly Route[]): Route[] {
  return contracts.flatMap(({ service, endpoints }) =>
    endpoints
      .filter((endpoint) => !endpoint.callers.includes(GATEWAY))
      .filter(({ method, path }) =>
        open.some(
          (route) =>
            route.service === service &&
            route.endpoint.method === method &&
            overlap(route.endpoint.path, path),
        ),
      )
      .map((endpoint) => ({ ...contractRoute(service, endpoint), closed: true as const })),
  )
}

const claim = (route: Route): string => `${route.service} ${route.endpoint.path}`
const rank = (route: Route, had: ReadonlySet<string>): number =>
  had.has(claim(route)) ? 0 : isReservedName(route.service) ? 1 : 2

/** Finds the route of a request. `host` is without its port. */
export function matchRoute(
  table: RouteTable,
  asked: { readonly method: string; readonly path: string; readonly host: string },
): Match {
  const match = table.tree.match(asked.method, asked.path)
  if (match.found || match.allow.length > 0) return match
  const allow = new Set<string>()
  for (const each of table.prefixes) {
    if (!isBelow(asked.path, each.prefix)) continue
    if (each.hosts !== undefined && !each.hosts.includes(asked.host)) continue
    if (each.methods === undefined || each.methods.includes(asked.method))
      return { found: true, route: each.route }
    for (const method of each.methods) allow.add(method)
  }
  return { found: false, allow: [...allow].sort() }
}

function isBelow(path: string, prefix: string): boolean {
  if (!path.startsWith(prefix)) return false
  return path.length === prefix.length || path.charCodeAt(prefix.length) === 0x2f
}
