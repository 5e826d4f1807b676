import { REMOVE_AFTER_MS, STALL_MS, TICK_MS } from '../limits.ts'
import { putInstance, removeInstance } from './change.ts'
import { type Effect, type Instance, type Outcome, type RegistryState, unchanged } from './state.ts'

/*
 * - an instance whose heartbeat is older than its time to live becomes critical
 * - one that was critical for long is removed
 * - time in which this process stood still counts for nobody: it could not hear heartbeats then
 */
export function tick(state: RegistryState, now: number): Outcome {
  const late = now - state.tickedAt - TICK_MS
  let next = { ...(late > STALL_MS ? shiftClocks(state, late) : state), tickedAt: now }
  const effects: Effect[] = []
  for (const instance of next.instances.values()) {
    const outcome = age(next, instance, now)
    next = outcome.state
    effects.push(...outcome.effects)
  }
  return { state: next, effects }
}

function age(state: RegistryState, instance: Instance, now: number): Outcome {
  if (instance.status === 'critical') {
    const removable = now - instance.statusSince > REMOVE_AFTER_MS
    return removable ? removeInstance(state, instance) : unchanged(state)
  }
  if (now - instance.heartbeatAt <= instance.ttlMs) return unchanged(state)
  return putInstance(state, { ...instance, output: 'no heartbeat in its time to live' }, now)
}

function shiftClocks(state: RegistryState, byMs: number): RegistryState {
  const shifted = [...state.instances].map(([key, instance]): [string, Instance] => [
    key,
    {
      ...instance,
      heartbeatAt: instance.heartbeatAt + byMs,
      statusSince: instance.statusSince + byMs,
    },
  ])
  return { ...state, instances: new Map(shifted) }
}
