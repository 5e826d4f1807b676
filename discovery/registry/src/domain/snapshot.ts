import { contractDescriptorSchema } from '@countersign/contract'
import { z } from 'zod'
import { CONTRACTS_MAX, INDEX_LEAP, INSTANCES_MAX, TTL_MS_MAX } from '../limits.ts'
import { putInstance } from './change.ts'
import { emptyState, type Effect, keyOf, type Outcome, type RegistryState } from './state.ts'

/*
 * What outlives a restart: contracts, with the paths they own, and where instances were. That an instance was
 * healthy does not outlive it: each must be probed again before it is told to anybody.
 */
const instanceSchema = z.object({
  id: z.string().min(1).max(128),
  name: z.string().min(1).max(63),
  address: z.string().min(1).max(253),
  port: z.int().min(1).max(65_535),
  tags: z.array(z.string()),
  meta: z.record(z.string(), z.string()),
  ttlMs: z.int().positive().max(TTL_MS_MAX),
})
const contractSchema = z.object({
  descriptor: contractDescriptorSchema,
  createIndex: z.int().nonnegative(),
  modifyIndex: z.int().nonnegative(),
})
const snapshotSchema = z.object({
  version: z.literal(1),
  index: z.int().positive(),
  instances: z.array(instanceSchema).max(INSTANCES_MAX),
  contracts: z.array(contractSchema).max(CONTRACTS_MAX),
})

export function encodeSnapshot(state: RegistryState): string {
  const instances = [...state.instances.values()].map((instance) => instanceSchema.parse(instance))
  const contracts = [...state.contracts.values()]
  return JSON.stringify({ version: 1, index: state.index, instances, contracts })
}

/** The state to begin with, and a probe for each instance in it. Undefined where the text is no snapshot. */
export function restore(text: string, now: number): Outcome | undefined {
  const read = snapshotSchema.safeParse(parse(text))
  if (!read.success) return undefined
  const { index, instances, contracts } = read.data
  let state: RegistryState = {
    ...emptyState(now, index + INDEX_LEAP),
    contracts: new Map(contracts.map((published) => [published.descriptor.service, published])),
  }
  const effects: Effect[] = []
  for (const saved of instances) {
    const generation = state.generation + 1
    const fresh = {
      heartbeatAt: now,
      proof: 'unproven',
      failures: 0,
      output: 'not proven yet',
    } as const
    state = putInstance({ ...state, generation }, { ...saved, ...fresh, generation }, now).state
    effects.push({ kind: 'probe', key: keyOf(saved.name, saved.id) })
  }
  return { state, effects }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
