import { COLLECTIONS, type Draft, type Entity, type KongState } from '@countersign/kong'
import { isRoot } from '../own-roots.ts'

/** Puts another state in place of the one of a draft. What is the same in both does not change. */
export function replaceAll(draft: Draft, next: KongState): void {
  for (const name of COLLECTIONS) {
    const wanted = next.get(name) ?? new Map<string, Entity>()
    for (const id of [...draft.all(name).keys()]) if (!wanted.has(id)) draft.remove(name, id)
    for (const [id, entity] of wanted) if (draft.get(name, id) !== entity) draft.put(name, entity)
  }
}

/** Entities that no declarative text brings or takes away: the platform's roots. */
export const keptOf = (state: KongState): { collection: 'ca_certificates'; entity: Entity }[] =>
  [...(state.get('ca_certificates')?.values() ?? [])]
    .filter(isRoot)
    .map((entity) => ({ collection: 'ca_certificates', entity }))
