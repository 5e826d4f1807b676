import { z } from 'zod'
import { contract, endpoint } from '../endpoint.ts'

/*
 * The paths and shapes of the Consul HTTP API, v1. Answers of blocking queries carry `X-Consul-Index`;
 * `index` and `wait` ask for a change after it.
 */
const limit = '1000/second per caller'
const blocking = z.object({
  index: z.coerce.number().int().nonnegative().optional(),
  wait: z
    .string()
    .regex(/^[0-9]{1,6}(ms|s|m)$/)
    .optional(),
})

/**
 * An instance whose program does not answer `/readyz`, since it knows nothing of this platform, says so in its `Meta`: then
 * it is ready when it has proven who it is and gives any answer below 500.
 */
export const READY_META = 'ready'
export const READY_BY_ANY_ANSWER = 'any answer'

export const registrationSchema = z.strictObject({
  ID: z.string().min(1).max(128),
  /** Must be the name in the caller's certificate. */
  Name: z.string().min(1).max(63),
  Address: z.string().min(1).max(253),
  Port: z.int().min(1).max(65_535),
  Tags: z.array(z.string().max(64)).max(16).optional(),
  Meta: z
    .record(z.string().max(64), z.string().max(512))
    .refine((meta) => Object.keys(meta).length <= 16, 'has more than 16 entries')
    .optional(),
  /** Time to live of the heartbeat, as in `10s`. */
  Check: z.strictObject({ TTL: z.string().regex(/^[0-9]{1,4}s$/) }),
})
export type Registration = z.infer<typeof registrationSchema>

/** An entry of `GET /v1/health/service/:name`. */
export interface HealthEntry {
  readonly Node: { readonly Node: string; readonly Address: string; readonly Datacenter: string }
  readonly Service: {
    readonly ID: string
    readonly Service: string
    readonly Address: string
    readonly Port: number
    readonly Tags: readonly string[]
    readonly Meta: Readonly<Record<string, string>>
  }
  readonly Checks: readonly {
    readonly CheckID: string
    readonly Status: 'passing' | 'warning' | 'critical'
    readonly Output: string
    readonly ServiceID: string
    readonly ServiceName: string
  }[]
}
/** An entry of `GET /v1/kv/…`; `Value` is base64. */
export interface KeyValue {
  readonly Key: string
  readonly Value: string
  readonly CreateIndex: number
  readonly ModifyIndex: number
}
/** Where a service's contract lies in the key-value store. Only the service itself may write there. */
export const contractKey = (service: string): string => `contracts/${service}`

export const registry = contract('registry', {
  register: endpoint({
    at: 'PUT /v1/agent/service/register',
    kind: 'raw',
    callers: ['workloads'],
    roles: 'stranger',
    limit,
    body: registrationSchema,
    audited: false,
  }),
  deregister: endpoint({
    at: 'PUT /v1/agent/service/deregister/:id',
    kind: 'raw',
    callers: ['workloads'],
    roles: 'stranger',
    limit,
    audited: false,
  }),
  /** Heartbeat. 404 tells the instance to register again. */
  pass: endpoint({
    at: 'PUT /v1/agent/check/pass/:id',
    kind: 'raw',
    callers: ['workloads'],
    roles: 'stranger',
    limit,
    audited: false,
  }),
  health: endpoint({
    at: 'GET /v1/health/service/:name',
    kind: 'raw',
    callers: ['workloads'],
    roles: 'stranger',
    limit,
    query: blocking.extend({ passing: z.string().optional() }),
    timeoutMs: 620_000,
  }),
  services: endpoint({
    at: 'GET /v1/catalog/services',
    kind: 'raw',
    callers: ['workloads'],
    roles: 'stranger',
    limit,
    query: blocking,
    timeoutMs: 620_000,
  }),
  /** A service publishes its contract at `contracts/<its name>`. 409 where a path of it belongs to another service. */
  publish: endpoint({
    at: 'PUT /v1/kv/contracts/:name',
    kind: 'raw',
    callers: ['workloads'],
    roles: 'stranger',
    limit,
    body: z.unknown(),
    bodyBytesMax: 256 * 1024,
  }),
  contracts: endpoint({
    at: 'GET /v1/kv/contracts',
    kind: 'raw',
    callers: ['workloads'],
    roles: 'stranger',
    limit,
    query: blocking.extend({ recurse: z.string().optional() }),
    timeoutMs: 620_000,
  }),
})
