import type { z } from 'zod'
import type { Limit } from './limit.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
/** `ANY` is for mounted applications only: they speak a protocol of their own below a path. */
export type At = `${Method | 'ANY'} /${string}`

/**
 * Who of the people may call: these roles; `'anyone'` who has a valid token; or `'stranger'`, without a token.
 * The calling workload is checked in every case.
 */
export type Roles = readonly string[] | 'anyone' | 'stranger'

/**
 * Which workloads may call, by name. `'gateway'` makes an endpoint public;
 * `'workloads'` stands for every workload with a certificate of the trust domain.
 */
export type Callers = readonly [string, ...string[]]

/** One endpoint of a service: everything that its callers, its door and its operators need to know. */
export interface Endpoint<
  Path extends At = At,
  Who extends Callers = Callers,
  Query extends z.ZodType = z.ZodType,
  Body extends z.ZodType = z.ZodType,
  Reply extends z.ZodType = z.ZodType,
  Kind extends 'json' | 'raw' | 'mount' = 'json' | 'raw' | 'mount',
> {
  readonly at: Path
  readonly callers: Who
  readonly roles: Roles
  readonly limit: Limit
  readonly query?: Query
  readonly body?: Body
  readonly reply?: Reply
  /** Status of a reply; 200 where nothing is said, 204 where there is no reply schema. */
  readonly status?: number
  /**
   * `json`: a typed value. `raw`: status, headers and bytes, for protocols of others.
   * `mount`: Node's own request and response, for a whole application below `/*`.
   */
  readonly kind?: Kind
  /** Whether each call, not only each refusal, is an audit event. True for all but GET where nothing is said. */
  readonly audited?: boolean
  /** May be sent again after a failure. True for GET, PUT and DELETE where nothing is said; a POST says so when it honours `Idempotency-Key`. */
  readonly idempotent?: boolean
  /** Longest time for an answer, in milliseconds. */
  readonly timeoutMs?: number
  /** Longest body, in bytes. */
  readonly bodyBytesMax?: number
  readonly summary?: string
}

export interface Contract<
  Name extends string = string,
  Endpoints extends Record<string, Endpoint> = Record<string, Endpoint>,
> {
  readonly name: Name
  readonly endpoints: Endpoints
}

/**
 * Declares an endpoint; its types are read off the schemas, and off nothing else: hence `NoInfer`, or the
 * surroundings of the call would be asked where a schema is missing.
 */
export function endpoint<
  const Path extends At,
  const Who extends Callers,
  Query extends z.ZodType = z.ZodNever,
  Body extends z.ZodType = z.ZodNever,
  Reply extends z.ZodType = z.ZodVoid,
  const Kind extends 'json' | 'raw' | 'mount' = 'json',
>(
  declared: Endpoint<Path, Who, Query, Body, Reply, Kind>,
): Endpoint<Path, Who, NoInfer<Query>, NoInfer<Body>, NoInfer<Reply>, NoInfer<Kind>> {
  return declared
}

/** Puts endpoints under the name of the service that answers them. */
export function contract<
  const Name extends string,
  Endpoints extends Record<string, Endpoint<any, any, any, any, any, any>>,
>(name: Name, endpoints: Endpoints): Contract<Name, Endpoints> {
  return { name, endpoints }
}
