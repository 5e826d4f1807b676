import { invariant } from '@countersign/ground/errors'
import type { EndpointDescriptor } from '@countersign/contract'

/** One way through the door. */
export interface Route {
  /** Name in the registry of the service that answers. */
  readonly service: string
  readonly endpoint: EndpointDescriptor
  /** `<service>.<endpoint>`: in metrics, limits and audit events. */
  readonly label: string
  /** Where it was declared: the contract of the service, or a line of the operator's kong.yml. */
  readonly origin: string
  /** For routes of kong.yml: what is cut off the front of the path and what is put there instead. */
  readonly rewrite: { readonly cut: number; readonly prefix: string } | undefined
  /** An endpoint of the mesh that a public one would also match: for the public there is nothing here. */
  readonly closed?: true
}

/** The path as the service gets it. */
export function upstreamPath(route: Route, path: string): string {
  if (route.rewrite === undefined) return path
  const rest = path.slice(route.rewrite.cut)
  const joined = `${route.rewrite.prefix}${rest.startsWith('/') || rest === '' ? rest : `/${rest}`}`
  return joined === '' ? '/' : joined
}

export function contractRoute(service: string, endpoint: EndpointDescriptor): Route {
  return {
    service,
    endpoint,
    label: `${service}.${endpoint.name}`,
    origin: `contract ${service}.${endpoint.name}`,
    rewrite: undefined,
  }
}

/** The route of an exchange that has passed the layer which finds it. */
export function routeOf(exchange: { readonly route: Route | undefined }): Route {
  invariant(exchange.route !== undefined, 'a layer behind matchRoute has a route')
  return exchange.route
}
