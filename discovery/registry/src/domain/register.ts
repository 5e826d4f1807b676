import type { Registration } from '@countersign/contract/platform'
import { type Refused, refuse } from '../errors.ts'
import { INSTANCES_MAX, INSTANCES_PER_NAME_MAX, TTL_MS_MAX, TTL_MS_MIN } from '../limits.ts'
import { putInstance, removeInstance } from './change.ts'
import type { AllowAddress } from './check-address.ts'
import { type Effect, type Instance, keyOf, type Outcome, type RegistryState } from './state.ts'

/*
 * - who registers, registers itself: the name is the one in its certificate
 * - an id belongs to the name that made it; the same id of another name is another instance
 * - the address is one of the loopback or of the operator's list
 * - the heartbeat's time to live is within bounds
 * - there is room, for this name and in all
 * A new address begins unproven. Registering the same address again keeps what was proven.
 */
export function register(
  state: RegistryState,
  ask: { caller: string; registration: Registration; allow: AllowAddress },
  now: number,
): Outcome | Refused {
  const { caller, registration } = ask
  const before = state.instances.get(keyOf(caller, registration.ID))
  const refused = check(state, ask, before)
  if (refused !== undefined) return refused
  const moved =
    before === undefined ||
    before.address !== registration.Address ||
    before.port !== registration.Port
  const fresh = { proof: 'unproven', failures: 0, output: 'not proven yet' } as const
  const wanted = {
    id: registration.ID,
    name: caller,
    address: registration.Address,
    port: registration.Port,
    tags: registration.Tags ?? [],
    meta: registration.Meta ?? {},
    ttlMs: ttlMs(registration),
    heartbeatAt: now,
    generation: moved ? state.generation + 1 : before.generation,
    ...(moved ? fresh : { proof: before.proof, failures: before.failures, output: before.output }),
  }
  const cleared = clearAddress(state, wanted)
  const next = { ...cleared.state, generation: Math.max(state.generation, wanted.generation) }
  const put = putInstance(next, wanted, now)
  const probe: Effect = { kind: 'probe', key: keyOf(caller, registration.ID) }
  return { state: put.state, effects: [...cleared.effects, ...put.effects, probe] }
}

function check(
  state: RegistryState,
  {
    caller,
    registration,
    allow,
  }: { caller: string; registration: Registration; allow: AllowAddress },
  before: Instance | undefined,
): Refused | undefined {
  if (registration.Name !== caller) {
    return refuse('NAME_NOT_YOURS', {
      detail: 'A workload registers only under the name in its certificate.',
      rule: `${caller} asked to register as ${JSON.stringify(registration.Name)}`,
      remedy: `register as "${caller}", or use the certificate of the other name`,
    })
  }
  if (!allow(registration.Address)) {
    return refuse('ADDRESS_NOT_ALLOWED', {
      detail: 'Address must be of the loopback or on the list of allowed addresses.',
      rule: `the address ${JSON.stringify(registration.Address)} is not in REGISTRY_ADDRESSES`,
      remedy: 'add the address or its network to REGISTRY_ADDRESSES',
    })
  }
  const ttl = ttlMs(registration)
  if (!(ttl >= TTL_MS_MIN && ttl <= TTL_MS_MAX)) {
    return refuse('TTL_NOT_ALLOWED', {
      detail: `Check.TTL must be between ${TTL_MS_MIN / 1000}s and ${TTL_MS_MAX / 1000}s.`,
      rule: `time to live ${registration.Check.TTL}`,
      remedy: 'use 10s',
    })
  }
  return before === undefined ? checkRoom(state, caller) : undefined
}

function checkRoom(state: RegistryState, name: string): Refused | undefined {
  const ofName = [...state.instances.values()].filter((instance) => instance.name === name).length
  if (ofName < INSTANCES_PER_NAME_MAX && state.instances.size < INSTANCES_MAX) return undefined
  return refuse('TOO_MANY', {
    detail: 'There are too many instances; deregister those that are gone.',
    rule: `${ofName} of ${INSTANCES_PER_NAME_MAX} of this name, ${state.instances.size} of ${INSTANCES_MAX} in all`,
    remedy: 'deregister instances that are gone, or wait until they are removed',
  })
}

/** Who listens at an address now is the new instance: an older one of this name there is a ghost. */
function clearAddress(
  state: RegistryState,
  wanted: Pick<Instance, 'id' | 'name' | 'address' | 'port'>,
): Outcome {
  const ghost = [...state.instances.values()].find(
    (other) =>
      other.name === wanted.name &&
      other.id !== wanted.id &&
      other.address === wanted.address &&
      other.port === wanted.port,
  )
  return ghost === undefined ? { state, effects: [] } : removeInstance(state, ghost)
}

const ttlMs = (registration: Registration): number =>
  Number.parseInt(registration.Check.TTL, 10) * 1_000
