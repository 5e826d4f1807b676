import type { Endpoint, EndpointDescriptor, ParsedLimit } from '@countersign/contract'
import type { Witness } from '@countersign/contract/platform'
import type { TimingSeries, TraceContext } from '@countersign/ground/telemetry'
import type { LimitVerdict, Permit } from '@countersign/layers'
import type { Person } from '@countersign/policy'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Peer } from './peer.ts'

/** An endpoint with all that can be worked out before the first request. */
export interface Route {
  readonly service: string
  readonly endpoint: EndpointDescriptor
  readonly declared: Endpoint
  readonly handler: (input: any) => unknown
  /** Answered on Node's own request and response, by a whole application. */
  readonly mounted: boolean
  /** The contract's limit, or the operator's where that is lower. */
  readonly limit: ParsedLimit
  readonly action: string
  readonly timing: (status: number) => TimingSeries
}

/** One request on its way through the stack: each step adds what it has found. */
export interface Exchange {
  readonly route: Route
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
  readonly method: string
  /** Without the query. */
  readonly path: string
  readonly requestId: string
  readonly trace: TraceContext
  /** `performance.now()` at the start. */
  readonly startedAt: number
  peer: Peer | undefined
  /** The raw access token, to pass on to other services. */
  token: string | undefined
  person: Person | undefined
  limit: LimitVerdict | undefined
  permit: Permit | undefined
  downstream: Witness[] | undefined
  witness: Witness[] | undefined
}

/** A step of the stack. Throws `Refusal` to refuse; a promise only where it has to wait. */
export type Step = (exchange: Exchange) => void | Promise<void>
