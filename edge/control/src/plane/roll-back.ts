import { type Draft, unsupported } from '@countersign/kong'
import { isRoot } from '../own-roots.ts'
import type { ControlStore } from '../store/control-store.ts'

/**
 * Undoes every change after a version, the newest first, so that the state is what it was then. The roots of the platform
 * stay those of now: one that was taken away is not trusted again. Throws `KongError` 12 where history does not go back so far.
 */
export function rollBack(
  draft: Draft,
  { store, from, to }: { readonly store: ControlStore; readonly from: number; readonly to: number },
): void {
  if (to > from) throw unsupported(`there is no version ${to}; the newest is ${from}`)
  if (to + 1 < store.oldest) throw unsupported(`history goes back to version ${store.oldest - 1}`)
  for (let version = from; version > to; version -= 1)
    for (const { collection, id, before, after } of [...store.changesOf(version)].reverse()) {
      if (collection === 'ca_certificates' && [before, after].some((each) => each && isRoot(each)))
        continue
      if (before === undefined) draft.remove(collection, id)
      else draft.put(collection, before)
    }
}
