import { NAMES_MAX } from '../limits.ts'
import {
  CATALOG,
  type Effect,
  type Instance,
  keyOf,
  type Outcome,
  type RegistryState,
  topicOf,
} from './state.ts'

type WithoutStatus = Omit<Instance, 'status' | 'statusSince' | 'modifyIndex' | 'createIndex'>

/**
 * Puts an instance in place of what was there. The index goes up, and readers wake, only for what they can see:
 * a heartbeat changes nothing for them.
 */
export function putInstance(state: RegistryState, wanted: WithoutStatus, now: number): Outcome {
  const key = keyOf(wanted.name, wanted.id)
  const before = state.instances.get(key)
  const status = isPassing(wanted, now) ? 'passing' : 'critical'
  const flipped = before?.status !== status
  const listed = before === undefined || !sameList(before.tags, wanted.tags)
  const seen = flipped || listed || !sameFace(before, wanted)
  const index = seen ? state.index + 1 : state.index
  const instance: Instance = {
    ...wanted,
    status,
    statusSince: before === undefined || flipped ? now : before.statusSince,
    createIndex: before?.createIndex ?? index,
    modifyIndex: seen ? index : (before?.modifyIndex ?? index),
  }
  const instances = new Map(state.instances).set(key, instance)
  const next = { ...state, instances, index }
  const told: Effect[] = before !== undefined && flipped ? [{ kind: status, instance }] : []
  // A newcomer is critical until it has proven itself; that is no news.
  if (before === undefined && status === 'passing') told.push({ kind: status, instance })
  return seen ? withIndex(next, wanted.name, { listed, told }) : { state: next, effects: told }
}

export function removeInstance(state: RegistryState, instance: Instance): Outcome {
  const instances = new Map(state.instances)
  instances.delete(keyOf(instance.name, instance.id))
  const next = { ...state, instances, index: state.index + 1 }
  return withIndex(next, instance.name, { listed: true, told: [{ kind: 'removed', instance }] })
}

function withIndex(
  state: RegistryState,
  name: string,
  change: { listed: boolean; told: readonly Effect[] },
): Outcome {
  const nameIndexes = new Map(state.nameIndexes)
  // The name that changed last stands last, so that the first ones are the oldest.
  nameIndexes.delete(name)
  nameIndexes.set(name, state.index)
  const catalogIndex = change.listed ? state.index : state.catalogIndex
  const effects: Effect[] = [{ kind: 'changed', topic: topicOf(name) }, ...change.told]
  if (change.listed) effects.push({ kind: 'changed', topic: CATALOG })
  effects.push({ kind: 'save' })
  return { state: forgetNames({ ...state, nameIndexes, catalogIndex }), effects }
}

/** Names without instances are forgotten, oldest first; whoever asks for one of them is told to look again. */
function forgetNames(state: RegistryState): RegistryState {
  if (state.nameIndexes.size <= NAMES_MAX) return state
  const alive = new Set([...state.instances.values()].map((instance) => instance.name))
  const oldest = [...state.nameIndexes.keys()].find((name) => !alive.has(name))
  if (oldest === undefined) return state
  const nameIndexes = new Map(state.nameIndexes)
  nameIndexes.delete(oldest)
  return { ...state, nameIndexes, otherIndex: state.index }
}

/** Both must hold: it is alive, and it has shown who it is and that it takes work. */
function isPassing(instance: WithoutStatus, now: number): boolean {
  return instance.proof === 'proven' && now - instance.heartbeatAt <= instance.ttlMs
}

function sameFace(a: WithoutStatus, b: WithoutStatus): boolean {
  const [one, other] = [Object.entries(a.meta), Object.entries(b.meta)]
  const sameMeta =
    one.length === other.length && one.every(([name, value]) => b.meta[name] === value)
  return a.address === b.address && a.port === b.port && sameMeta
}
const sameList = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((text, i) => text === b[i])
