import { type ContractDescriptor, isPublicEndpoint, isReservedName } from '@countersign/contract'
import { contractRoute, type Route } from './route.ts'
import { overlap, RouteTree } from './route-tree.ts'

/** A claim that was not honoured, because the paths belong to another service. */
interface Disputed {
  readonly route: Route
  readonly owner: string
}
export interface RouteTable {
  /** Of the platform's own services: nothing takes their paths from them. */
  readonly platform: RouteTree
  readonly tree: RouteTree
  readonly routes: readonly Route[]
  readonly disputed: readonly Disputed[]
}

export const EMPTY_TABLE: RouteTable = {
  platform: new RouteTree(),
  tree: new RouteTree(),
  routes: [],
  disputed: [],
}

/*
 * - an endpoint is public when its contract lists the gateway among the callers by name: `*` stands for workloads; what a
 *   part of the platform lists the gateway for is not, but for the identity provider and the console
 * - no service gets a path that could be meant by a path of another; who had it in `before` keeps it, then the platform's
 *   own services, then the order given
 * - a path of the mesh that a public one of the same service would match is closed to the public
 */
export function buildTable(
  contracts: readonly ContractDescriptor[],
  before: RouteTable,
): RouteTable {
  const platform = new RouteTree()
  const tree = new RouteTree()
  const treeOf = (route: Route): RouteTree => (isReservedName(route.service) ? platform : tree)
  const routes: Route[] = []
  const disputed: Disputed[] = []
  const had = new Set(before.routes.map(claim))
  const wanted = contracts
    .flatMap(({ service, endpoints }) =>
      endpoints
        .filter((endpoint) => isPublicEndpoint(service, endpoint))
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
    treeOf(route).add(route)
  }
  for (const route of closedRoutes(contracts, routes)) treeOf(route).add(route)
  return { platform, tree, routes, disputed }
}

/**
 * `GET /payments/ping` of the mesh beside the public `GET /payments/:id`: the service would answer by the first, and the
 * gateway must not have decided by the second.
 */
function closedRoutes(contracts: readonly ContractDescriptor[], open: readonly Route[]): Route[] {
  return contracts.flatMap(({ service, endpoints }) =>
    endpoints
      .filter((endpoint) => !isPublicEndpoint(service, endpoint))
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
