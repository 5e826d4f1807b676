import type { CaState, IntermediateEntry, RootEntry } from '@countersign/contract/platform'

/*
 * An intermediate follows its root:
 *
 * - under a root that is gone it is gone
 * - under the next root it is next, under an old root it is old: it signs nothing
 * - under the active root exactly one is active: the one that was, else the newest; a second one is old
 * - what changes so, changes with its root: at the same time at every authority
 */

/** Brings the intermediates of one authority into line with the roots. Idempotent. */
export function alignEntries(
  entries: readonly IntermediateEntry[],
  roots: readonly RootEntry[],
): IntermediateEntry[] {
  return roots.flatMap((root) => {
    const below = entries.filter((entry) => entry.root === root.id)
    if (root.state !== 'active') return below.map((entry) => become(entry, root.state, root.since))
    const active = signing(below)
    return below.map((entry) => {
      if (entry === active) return become(entry, 'active', root.since)
      return entry.state === 'next' && hasActive(below) ? entry : become(entry, 'old', root.since)
    })
  })
}

function hasActive(entries: readonly IntermediateEntry[]): boolean {
  return entries.some(({ state }) => state === 'active')
}

/** Which of them signs: of those that are said to be active, else of all, the newest. */
function signing(entries: readonly IntermediateEntry[]): IntermediateEntry | undefined {
  const active = entries.filter(({ state }) => state === 'active')
  return (active.length > 0 ? active : entries).toSorted(newestFirst)[0]
}

function newestFirst(a: IntermediateEntry, b: IntermediateEntry): number {
  return b.since - a.since || (a.id < b.id ? -1 : 1)
}

function become(entry: IntermediateEntry, state: CaState, since: number): IntermediateEntry {
  return entry.state === state ? entry : { ...entry, state, since: Math.max(since, entry.since) }
}
