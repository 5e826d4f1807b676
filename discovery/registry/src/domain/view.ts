import { contractKey, type HealthEntry, type KeyValue } from '@countersign/contract/platform'
import type { Instance, RegistryState } from './state.ts'

/*
 * What readers see, in the shapes of the Consul HTTP API v1: /v1/health/service, /v1/catalog/services, /v1/kv.
 */
const DATACENTER = 'countersign'

/** Instances of a name; with `passing`, the healthy ones only. Sorted, so that equal states read equal. */
export function healthOf(state: RegistryState, name: string, passing: boolean): HealthEntry[] {
  return [...state.instances.values()]
    .filter((instance) => instance.name === name && (!passing || instance.status === 'passing'))
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map(entryOf)
}

function entryOf(instance: Instance): HealthEntry {
  return {
    Node: { Node: instance.address, Address: instance.address, Datacenter: DATACENTER },
    Service: {
      ID: instance.id,
      Service: instance.name,
      Address: instance.address,
      Port: instance.port,
      Tags: instance.tags,
      Meta: instance.meta,
    },
    Checks: [
      {
        CheckID: `service:${instance.id}`,
        Status: instance.status,
        Output: instance.output,
        ServiceID: instance.id,
        ServiceName: instance.name,
      },
    ],
  }
}

/** Names with the tags of their instances. */
export function servicesOf(state: RegistryState): Record<string, string[]> {
  const found = new Map<string, Set<string>>()
  for (const { name, tags } of state.instances.values()) {
    found.set(name, new Set([...(found.get(name) ?? []), ...tags]))
  }
  const names = [...found].sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(names.map(([name, tags]) => [name, [...tags].sort()]))
}

export function contractsOf(state: RegistryState): (KeyValue & { LockIndex: 0; Flags: 0 })[] {
  return [...state.contracts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([service, { descriptor, createIndex, modifyIndex }]) => ({
      LockIndex: 0,
      Key: contractKey(service),
      Flags: 0,
      Value: Buffer.from(JSON.stringify(descriptor)).toString('base64'),
      CreateIndex: createIndex,
      ModifyIndex: modifyIndex,
    }))
}

/** The index a blocking query on a name waits for. */
export const indexOf = (state: RegistryState, name: string): number =>
  state.nameIndexes.get(name) ?? state.otherIndex
