import {
  type ContractDescriptor,
  contractDescriptorSchema,
  type RawReply,
} from '@countersign/contract'
import type { HealthEntry } from '@countersign/contract/platform'
import { messageOf } from '@countersign/ground/errors'
import { z } from 'zod'
import { CONTRACTS_MAX, ENTRIES_MAX } from './limits.ts'

/*
 * What comes from the registry is read entry by entry: one that is wrong is dropped and named, and never takes the
 * others with it.
 */
export interface Read<T> {
  readonly values: T[]
  /** What was dropped, and why. For the log. */
  readonly dropped: readonly string[]
}

const text = z.string().max(512)
const healthSchema = z.object({
  Node: z.object({ Node: text, Address: text, Datacenter: text }),
  Service: z.object({
    ID: z.string().min(1).max(128),
    Service: text,
    Address: z.string().min(1).max(253),
    Port: z.int().min(1).max(65_535),
    Tags: z
      .array(text)
      .nullish()
      .transform((tags) => tags ?? []),
    Meta: z
      .record(z.string(), z.string())
      .nullish()
      .transform((meta) => meta ?? {}),
  }),
  Checks: z.array(
    z.object({
      CheckID: text,
      Status: z.enum(['passing', 'warning', 'critical']),
      Output: z.string(),
      ServiceID: text,
      ServiceName: text,
    }),
  ),
})

/** Healthy instances of `name`, from an answer of `GET /v1/health/service/:name`. Throws where there is no list at all. */
export function readHealth(body: string, name: string): Read<HealthEntry> {
  const read = readList(body, ENTRIES_MAX, (entry): HealthEntry => {
    const found = healthSchema.parse(entry)
    if (found.Service.Service !== name)
      throw new Error(`it is of ${JSON.stringify(found.Service.Service)}`)
    return found
  })
  const healthy = read.values.filter(({ Checks }) =>
    Checks.every((check) => check.Status === 'passing'),
  )
  return { ...read, values: healthy }
}

const keyValueSchema = z.object({ Key: z.string(), Value: z.string() })

/** Published contracts, from an answer of `GET /v1/kv/contracts?recurse`. Each must lie under the name it bears. */
export function readContracts(body: string): Read<ContractDescriptor> {
  return readList(body, CONTRACTS_MAX, (entry) => {
    const { Key, Value } = keyValueSchema.parse(entry)
    const json = Buffer.from(Value, 'base64').toString('utf8')
    const descriptor = contractDescriptorSchema.parse(JSON.parse(json))
    if (Key !== `contracts/${descriptor.service}`)
      throw new Error(`it lies at ${JSON.stringify(Key.slice(0, 128))}`)
    return descriptor
  })
}

function readList<T>(body: string, max: number, readOne: (entry: unknown) => T): Read<T> {
  const list: unknown = JSON.parse(body)
  if (!Array.isArray(list)) throw new Error('the registry answered no list')
  const values: T[] = []
  const dropped: string[] = list.length > max ? [`${list.length - max} entries too many`] : []
  for (const [i, entry] of list.slice(0, max).entries()) {
    try {
      values.push(readOne(entry))
    } catch (error) {
      dropped.push(`entry ${i}: ${messageOf(error).slice(0, 256)}`)
    }
  }
  return { values, dropped: dropped.slice(0, 16) }
}

/** Text of an answer. Throws where the registry did not answer the question. */
export function bodyOf({ status, body }: RawReply): string {
  if (status !== 200) throw new Error(`the registry answered ${status}`)
  return typeof body === 'string' ? body : Buffer.from(body ?? []).toString('utf8')
}

/** `X-Consul-Index`, in whatever letters; 0 where there is none. */
export function indexHeader({ headers }: RawReply): number {
  for (const [name, value] of Object.entries(headers ?? {})) {
    if (name.toLowerCase() === 'x-consul-index' && /^[0-9]{1,15}$/.test(value)) return Number(value)
  }
  return 0
}
