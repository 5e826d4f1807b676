import { z } from 'zod'
import type { Contract, Endpoint } from './endpoint.ts'
import {
  type LimitWindow,
  type ParsedLimit,
  parseLimit,
  WINDOW_NAMES,
  WINDOW_SECONDS,
} from './limit.ts'

/** What doors, operators and tools need to know of an endpoint, as plain data that can cross a wire. */
export interface EndpointDescriptor {
  readonly name: string
  readonly method: string
  /** `/orders/:id`; a path that ends in `/*` takes everything below it. */
  readonly path: string
  readonly kind: 'json' | 'raw' | 'mount'
  /** `['*']` stands for every workload of the trust domain. */
  readonly callers: readonly string[]
  readonly roles: readonly string[] | 'anyone' | 'stranger'
  readonly limit: ParsedLimit
  readonly status: number
  readonly audited: boolean
  readonly idempotent: boolean
  readonly timeoutMs: number
  readonly bodyBytesMax: number
}
export interface ContractDescriptor {
  readonly service: string
  readonly endpoints: readonly EndpointDescriptor[]
}

/** The name of the workload that is the public door. */
export const GATEWAY = 'gateway'
const EVERY_WORKLOAD = 'workloads'
export const TIMEOUT_MS = 10_000
/** Blocking queries may wait ten minutes, and a little for the answer. */
export const TIMEOUT_MS_MAX = 630_000
export const BODY_BYTES_MAX = 64 * 1024

/** A contract that must not be served: every mistake, each with the endpoint it is in. */
export class ContractError extends Error {
  readonly code = 'CONTRACT_INVALID'
  readonly mistakes: readonly string[]
  constructor(name: string, mistakes: readonly string[]) {
    super(
      `the contract of "${name}" cannot be served:\n${mistakes.map((mistake) => `  - ${mistake}`).join('\n')}`,
    )
    this.mistakes = mistakes
  }
}

const NAME = /^[a-z][a-z0-9-]{0,62}$/
const PATH = /^(?:\/(?::[a-zA-Z][a-zA-Z0-9]*|[A-Za-z0-9._~-]+))+(?:\/\*)?$/
const METHODS: readonly string[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'ANY']

/**
 * Takes a contract apart into plain data. Checks again at run time what the types promise, because a
 * contract can come from plain JavaScript. Throws `ContractError` with all mistakes at once.
 */
export function describe(contract: Contract<string, Record<string, Endpoint>>): ContractDescriptor {
  const mistakes: string[] = []
  if (!NAME.test(contract.name))
    mistakes.push(
      `the name ${JSON.stringify(contract.name)} is not lower-case letters, digits and "-"`,
    )
  const endpoints: EndpointDescriptor[] = []
  const seen = new Map<string, string>()
  for (const [name, endpoint] of Object.entries(contract.endpoints)) {
    const found = describeEndpoint(name, endpoint, mistakes)
    if (found === undefined) continue
    const at = `${found.method} ${found.path.replaceAll(/:[^/]+/g, ':')}`
    const other = seen.get(at)
    if (other !== undefined)
      mistakes.push(`endpoint "${name}" has the same method and path as "${other}"`)
    seen.set(at, name)
    endpoints.push(found)
  }
  if (mistakes.length > 0) throw new ContractError(contract.name, mistakes)
  return { service: contract.name, endpoints }
}

function describeEndpoint(
  name: string,
  e: Endpoint,
  mistakes: string[],
): EndpointDescriptor | undefined {
  const before = mistakes.length
  const wrong = (what: string): void => void mistakes.push(`endpoint "${name}" ${what}`)
  const [method = '', path = ''] = String(e.at).split(' ')
  if (!METHODS.includes(method) || !(path === '/' || path === '/*' || PATH.test(path))) {
    wrong(
      `is at ${JSON.stringify(e.at)}, which is not a method and a path such as "GET /orders/:id"`,
    )
  }
  const mounted = e.kind === 'mount'
  if (mounted !== (method === 'ANY'))
    wrong('mixes up mounted applications: "ANY" and kind "mount" go together')
  if (e.callers === undefined || e.callers.length === 0) {
    wrong('has no callers; name the workloads that may call it, "gateway" for the public')
  } else if (!(Array.isArray(e.callers) && e.callers.every((caller) => NAME.test(caller)))) {
    wrong('has callers that are not names of workloads')
  }
  if (e.roles === undefined || e.roles.length === 0)
    wrong('has no roles; name them, or write "anyone" or "stranger"')
  const limit = parseLimit(e.limit)
  if (typeof limit === 'string') wrong(limit)
  if (mistakes.length > before || typeof limit === 'string') return undefined
  const status = e.status ?? (e.reply === undefined && (e.kind ?? 'json') === 'json' ? 204 : 200)
  return {
    name,
    method,
    path,
    limit,
    status,
    kind: e.kind ?? 'json',
    callers: e.callers.map((caller) => (caller === EVERY_WORKLOAD ? '*' : caller)),
    roles: e.roles,
    audited: e.audited ?? method !== 'GET',
    idempotent: e.idempotent ?? ['GET', 'PUT', 'DELETE'].includes(method),
    timeoutMs: e.timeoutMs ?? TIMEOUT_MS,
    bodyBytesMax: e.bodyBytesMax ?? BODY_BYTES_MAX,
  }
}

const rateSchema = z.strictObject({
  name: z.enum(WINDOW_NAMES),
  seconds: z.int().positive(),
  max: z.int().positive(),
})
const hasItsLength = ({ name, seconds }: LimitWindow): boolean => WINDOW_SECONDS[name] === seconds
const limitSchema = z
  .strictObject({
    scope: z.enum(['person', 'caller', 'address']),
    windows: z.array(rateSchema.refine(hasItsLength)).max(WINDOW_NAMES.length),
    smooth: rateSchema.extend({ burst: z.int().positive() }).refine(hasItsLength).optional(),
  })
  .refine(({ windows, smooth }) => windows.length > 0 || smooth !== undefined)
const name = z.string().regex(NAME)
/** A descriptor as it arrives from another process: nothing of it is believed before it passes this. */
export const contractDescriptorSchema: z.ZodType<ContractDescriptor> = z.strictObject({
  service: name,
  endpoints: z
    .array(
      z.strictObject({
        name: z.string().min(1).max(64),
        method: z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'ANY']),
        path: z
          .string()
          .max(256)
          .refine((path) => path === '/' || path === '/*' || PATH.test(path)),
        kind: z.enum(['json', 'raw', 'mount']),
        callers: z
          .array(z.union([name, z.literal('*')]))
          .min(1)
          .max(64),
        roles: z.union([
          z.array(z.string().min(1).max(64)).min(1).max(32),
          z.enum(['anyone', 'stranger']),
        ]),
        limit: limitSchema,
        status: z.int().min(100).max(599),
        audited: z.boolean(),
        idempotent: z.boolean(),
        timeoutMs: z.int().positive().max(TIMEOUT_MS_MAX),
        bodyBytesMax: z
          .int()
          .nonnegative()
          .max(64 * 1024 * 1024),
      }),
    )
    .max(256),
})
