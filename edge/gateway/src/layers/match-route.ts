import { Refusal } from '@countersign/layers'
import type { Layer } from '../compose.ts'
import { checkDeclaredLength } from '../forward/read-body.ts'
import { matchRoute as match, type RouteTable } from '../domain/route-table.ts'

/** An unlisted route ends here, before any cryptography; so does a body that says itself that it is too large. */
export const matchRoute =
  (table: () => RouteTable): Layer =>
  (exchange, next) => {
    const { method, path = '', host } = exchange
    const found = match(table(), { method, path, host })
    if (!found.found) throw unmatched(method, found.allow)
    exchange.route = found.route
    checkDeclaredLength(exchange.request, found.route.endpoint.bodyBytesMax)
    return next(exchange)
  }

function unmatched(method: string, allow: readonly string[]): Refusal {
  if (allow.length === 0)
    return new Refusal('ROUTE_UNKNOWN', {
      rule: 'gateway: no contract and no line of kong.yml has this path',
      remedy: "declare an endpoint at this path with 'gateway' among its callers",
    })
  return new Refusal('METHOD_NOT_ALLOWED', {
    rule: `gateway: this path is not declared for ${method}`,
    remedy: `use ${allow.join(' or ')}`,
    headers: { allow: allow.join(', ') },
  })
}
