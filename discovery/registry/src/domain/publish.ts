import {
  type ContractDescriptor,
  contractDescriptorSchema,
  isPublicEndpoint,
} from '@countersign/contract'
import { type Refused, refuse } from '../errors.ts'
import { CONTRACTS_MAX } from '../limits.ts'
import { CONTRACTS, type Outcome, type Published, type RegistryState, unchanged } from './state.ts'

/** First segments of public paths that belong to one service from the start. */
const RESERVED: ReadonlyMap<string, string> = new Map([
  ['auth', 'identity'],
  ['console', 'desk'],
])
/** Every workload answers these itself. */
const OPERATIONAL: ReadonlySet<string> = new Set(['metrics', 'healthz', 'readyz'])

/*
 * - a service publishes its own contract only, and one that can be read
 * - the first segment of a public path belongs to one service: the first that published it
 * - it goes on to belong to that service while none of its instances runs
 * - a public path that takes every first segment (`/*`, `/:id`) would take the paths of others
 * Only endpoints that list the gateway are public; the others are addressed by the name of their service.
 */
export function publish(
  state: RegistryState,
  ask: { caller: string; name: string; value: unknown },
): Outcome | Refused {
  const { caller, name } = ask
  if (name !== caller) {
    return refuse('NAME_NOT_YOURS', {
      detail: 'A service publishes only its own contract.',
      rule: `${caller} asked to publish the contract of ${JSON.stringify(name)}`,
      remedy: `publish at contracts/${caller}`,
    })
  }
  const read = contractDescriptorSchema.safeParse(ask.value)
  if (!read.success) return unreadable(read.error.issues[0])
  const descriptor = read.data
  if (descriptor.service !== caller) {
    return refuse('NAME_NOT_YOURS', {
      detail: 'The contract names another service.',
      rule: `${caller} published a contract of ${JSON.stringify(descriptor.service)}`,
      remedy: `name the contract "${caller}"`,
    })
  }
  return checkPaths(state, descriptor) ?? accept(state, descriptor)
}

function accept(state: RegistryState, descriptor: ContractDescriptor): Outcome | Refused {
  const before = state.contracts.get(descriptor.service)
  if (before === undefined && state.contracts.size >= CONTRACTS_MAX) {
    return refuse('TOO_MANY', {
      detail: 'There are too many contracts.',
      rule: `${state.contracts.size} of ${CONTRACTS_MAX} contracts`,
      remedy: 'remove contracts of services that are gone from the snapshot of the registry',
    })
  }
  if (before !== undefined && sameText(before.descriptor, descriptor)) return unchanged(state)
  const index = state.index + 1
  const published: Published = {
    descriptor,
    createIndex: before?.createIndex ?? index,
    modifyIndex: index,
  }
  const contracts = new Map(state.contracts).set(descriptor.service, published)
  return {
    state: { ...state, contracts, index, contractsIndex: index },
    effects: [
      { kind: 'changed', topic: CONTRACTS },
      { kind: 'published', service: descriptor.service },
      { kind: 'save' },
    ],
  }
}

function checkPaths(state: RegistryState, descriptor: ContractDescriptor): Refused | undefined {
  const owners = new Map(RESERVED)
  for (const { descriptor: other } of state.contracts.values()) {
    if (other.service === descriptor.service) continue
    for (const segment of publicSegments(other)) owners.set(segment, other.service)
  }
  for (const endpoint of descriptor.endpoints) {
    const { name, path } = endpoint
    const segment = firstSegment(path)
    if (OPERATIONAL.has(segment)) return reserved(name, path, 'every workload')
    if (!isPublicEndpoint(descriptor.service, endpoint)) continue
    if (/^(?:|:.*|\*)$/.test(segment)) return takesAll(name, path)
    const owner = owners.get(segment)
    if (owner === undefined || owner === descriptor.service) continue
    return RESERVED.has(segment)
      ? reserved(name, path, owner)
      : taken({ service: descriptor.service, endpoint: name, path, owner })
  }
  return undefined
}

/** First segments of the paths that a contract opens to the public, in lower case. */
function publicSegments(descriptor: ContractDescriptor): Set<string> {
  const open = descriptor.endpoints.filter((endpoint) =>
    isPublicEndpoint(descriptor.service, endpoint),
  )
  return new Set(open.map((endpoint) => firstSegment(endpoint.path)))
}
const firstSegment = (path: string): string => (path.split('/')[1] ?? '').toLowerCase()

function taken(at: { service: string; endpoint: string; path: string; owner: string }): Refused {
  return refuse('PATH_TAKEN', {
    detail: `The path ${at.path} of endpoint "${at.endpoint}" belongs to another service; choose another first segment.`,
    rule: `${at.path} of ${at.service}.${at.endpoint} belongs to ${at.owner}`,
    remedy: `put the endpoint under a first segment of its own, such as /${at.service}`,
  })
}
function reserved(endpoint: string, path: string, owner: string): Refused {
  return refuse('PATH_RESERVED', {
    detail: `The path ${path} of endpoint "${endpoint}" is reserved; choose another first segment.`,
    rule: `${path} is reserved for ${owner}`,
    remedy: 'put the endpoint under a first segment of its own',
  })
}
function takesAll(endpoint: string, path: string): Refused {
  return refuse('PATH_RESERVED', {
    detail: `The public path ${path} of endpoint "${endpoint}" must begin with a fixed segment.`,
    rule: `${path} would take the public paths of every service`,
    remedy: 'put the endpoint under a first segment of its own',
  })
}
function unreadable(issue: { path: PropertyKey[]; message: string } | undefined): Refused {
  const where = issue?.path.map(String).join('.').slice(0, 128) ?? ''
  return refuse('CONTRACT_INVALID', {
    detail: `The contract cannot be read at "${where}".`,
    rule: `contract descriptor, ${where}: ${issue?.message.slice(0, 256) ?? ''}`,
    remedy: 'publish what describe(contract) returns',
  })
}
/** Both were made by the same schema, which orders their members. */
const sameText = (a: ContractDescriptor, b: ContractDescriptor): boolean =>
  JSON.stringify(a) === JSON.stringify(b)
