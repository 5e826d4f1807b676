import type { ContractDescriptor } from '@countersign/contract'

/*
 * What the registry knows. All of it is values: each rule takes the state, an input and the time, and returns the
 * next state with the effects that follow. `now` is a clock that only goes forward, in milliseconds.
 */

/** Whether an instance has shown, at its address, that it holds the certificate of its name and takes work. */
export type Proof = 'unproven' | 'proven' | 'failed'

export interface Instance {
  /** Chosen by the instance; unique among those of the same name. */
  readonly id: string
  readonly name: string
  readonly address: string
  readonly port: number
  readonly tags: readonly string[]
  readonly meta: Readonly<Record<string, string>>
  readonly ttlMs: number
  readonly heartbeatAt: number
  readonly proof: Proof
  /** Probes that failed in a row. */
  readonly failures: number
  /** What the last probe or the lapse of the heartbeat said. */
  readonly output: string
  readonly status: 'passing' | 'critical'
  readonly statusSince: number
  /** A new number for each new address: the answer to a probe of an older one means nothing. */
  readonly generation: number
  readonly createIndex: number
  readonly modifyIndex: number
}
export interface Published {
  readonly descriptor: ContractDescriptor
  readonly createIndex: number
  readonly modifyIndex: number
}
export interface RegistryState {
  /** Goes up with every change that a reader can see. */
  readonly index: number
  readonly generation: number
  /** By `keyOf`. */
  readonly instances: ReadonlyMap<string, Instance>
  /** Index of the last change of each name. */
  readonly nameIndexes: ReadonlyMap<string, number>
  /** Index of names that are not (or no longer) among `nameIndexes`. */
  readonly otherIndex: number
  readonly catalogIndex: number
  /** By name of the service. */
  readonly contracts: ReadonlyMap<string, Published>
  readonly contractsIndex: number
  readonly tickedAt: number
}

/** What the shell has to do after a change. */
export type Effect =
  | { readonly kind: 'changed'; readonly topic: string }
  | { readonly kind: 'probe'; readonly key: string }
  | { readonly kind: 'save' }
  | { readonly kind: 'passing' | 'critical' | 'removed' | 'impostor'; readonly instance: Instance }
  | { readonly kind: 'published'; readonly service: string }

export interface Outcome {
  readonly state: RegistryState
  readonly effects: readonly Effect[]
}

export const CATALOG = 'catalog'
export const CONTRACTS = 'contracts'
export const topicOf = (name: string): string => `service/${name}`
/** Names cannot hold a slash, so no two instances share a key. */
export const keyOf = (name: string, id: string): string => `${name}/${id}`

export function emptyState(now: number, index = 1): RegistryState {
  return {
    index,
    generation: 0,
    instances: new Map(),
    nameIndexes: new Map(),
    otherIndex: index,
    catalogIndex: index,
    contracts: new Map(),
    contractsIndex: index,
    tickedAt: now,
  }
}
export const unchanged = (state: RegistryState): Outcome => ({ state, effects: [] })
