import { type Refused, refuse } from '../errors.ts'
import { putInstance, removeInstance } from './change.ts'
import { type Instance, keyOf, type Outcome, type RegistryState } from './state.ts'

interface Own {
  readonly caller: string
  /** The instance's id, or Consul's id of its check, `service:<id>`. */
  readonly id: string
}

/** A sign of life. It says nothing about health: that is for the probe. */
export function heartbeat(state: RegistryState, own: Own, now: number): Outcome | Refused {
  const found = findOwn(state, own)
  return 'refused' in found ? found : putInstance(state, { ...found, heartbeatAt: now }, now)
}

export function deregister(state: RegistryState, own: Own): Outcome | Refused {
  const found = findOwn(state, own)
  return 'refused' in found ? found : removeInstance(state, found)
}

/** Nobody touches the instance of another name; trying to is refused in so many words, because it is worth a record. */
function findOwn(state: RegistryState, { caller, id }: Own): Instance | Refused {
  const plain = id.replace(/^service:/, '')
  const found = state.instances.get(keyOf(caller, id)) ?? state.instances.get(keyOf(caller, plain))
  if (found !== undefined) return found
  const owner = [...state.instances.values()].find((other) => other.id === plain)
  if (owner === undefined) {
    return refuse('ID_UNKNOWN', {
      detail: 'This instance is not registered; register it again.',
      rule: `${caller} has no instance ${JSON.stringify(plain)}`,
      remedy: 'register the instance first',
    })
  }
  return refuse('ID_NOT_YOURS', {
    detail: 'This instance belongs to another workload.',
    rule: `the instance ${JSON.stringify(plain)} belongs to ${owner.name}, not to ${caller}`,
    remedy: `use the certificate of ${owner.name}`,
  })
}
