import { type Contract, describe, type Endpoint } from '@countersign/contract'
import type { Timing, TimingSeries } from '@countersign/ground/telemetry'
import { type Narrowing, narrowedLimit } from '@countersign/policy'
import type { Route } from './exchange.ts'

type AnyContract = Contract<string, Record<string, Endpoint<any, any, any, any, any, any>>>
export interface Served {
  readonly contract: AnyContract
  readonly handlers: Readonly<Record<string, (input: any) => unknown>>
  /** All endpoints are answered on Node's own request and response, by an application of another framework. */
  readonly mounted?: boolean
}
/** The routes of a contract. Throws where it cannot be served, or a handler is missing. */
export function* routesOf(
  { contract, handlers, mounted }: Served,
  narrowing: Narrowing,
  timing: Timing,
): Generator<Route> {
  for (const endpoint of describe(contract).endpoints) {
    const declared = contract.endpoints[endpoint.name]
    const handler = handlers[endpoint.name]
    if (declared === undefined || handler === undefined)
      throw new Error(
        `the service "${contract.name}" has no handler for its endpoint "${endpoint.name}"`,
      )
    yield {
      service: contract.name,
      endpoint,
      declared,
      handler,
      mounted: mounted === true || endpoint.kind === 'mount',
      limit: narrowedLimit(narrowing, contract.name, endpoint),
      action: `${contract.name}.${endpoint.name}`,
      timing: timingBy(timing, {
        service: contract.name,
        endpoint: endpoint.name,
        method: endpoint.method,
      }),
    }
  }
}

/** The series of a status; made when it is first seen. */
export function timingBy(
  timing: Timing,
  labels: Record<string, string>,
): (status: number) => TimingSeries {
  const series = new Map<number, TimingSeries>()
  return (status) => {
    let found = series.get(status)
    if (found === undefined) {
      found = timing.series({ ...labels, status: String(status) })
      series.set(status, found)
    }
    return found
  }
}
