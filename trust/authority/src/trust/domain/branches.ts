import type { RootEntry } from '@countersign/contract/platform'
import { ROOTS_MAX, TRAIL_MAX } from '../limits.ts'
import { compare, hashOf, laterOf, type Roots } from './trust-state.ts'

/*
 * Authorities that cannot reach each other could change the roots at both sides. Each remembers its trail: which hash the
 * roots had at each version. When two states meet of which neither is on the trail of the other, they are branches, and
 * what counts is the later one, mended so that nobody is cut off:
 *
 * - every root of the other branch stays in the bundle, as an old one: certificates may live under it
 * - a sequence must mean the same to all. Who holds the bundle of the other branch says a number at which a root of this
 *   branch was missing there. So such a root counts from a new version on.
 */

/** Hashes of the roots by version. Bounded: the oldest go first. */
export type Trail = Readonly<Record<string, string>>
export interface Branch {
  readonly roots: Roots
  readonly trail: Trail
}

/** The branch, one step longer. */
export function grow(branch: Branch, roots: Roots): Branch {
  const trail: Record<string, string> = { ...branch.trail, [roots.version]: hashOf(roots) }
  const kept = Object.entries(trail)
    .toSorted(([a], [b]) => Number(b) - Number(a))
    .slice(0, TRAIL_MAX)
  return { roots, trail: Object.fromEntries(kept) }
}

/** Whether these two went apart. Where no trail goes back far enough it is not known, and not assumed. */
export function wentApart(a: Branch, b: Branch): boolean {
  const [older, newer] = a.roots.version <= b.roots.version ? [a, b] : [b, a]
  const known = newer.trail[older.roots.version]
  return known !== undefined && known !== hashOf(older.roots)
}

/** What counts of two branches. The same on both sides. */
export function join(a: Branch, b: Branch): Branch {
  const later = laterOf(a.roots, b.roots) === a.roots ? a : b
  if (!wentApart(a, b)) return later
  const mended = mend(later.roots, (later === a ? b : a).roots)
  return mended === later.roots ? later : grow(later, mended)
}

function mend(later: Roots, other: Roots): Roots {
  const has = (roots: Roots, id: string) => roots.entries.some((root) => root.id === id)
  const version = Math.max(later.version, other.version) + 1
  const missing = other.entries.filter(({ id }) => !has(later, id))
  const isNews = (root: RootEntry) =>
    (root.sequence ?? later.version) <= other.version && !has(other, root.id)
  if (missing.length === 0 && !later.entries.some(isNews)) return later
  const kept = later.entries.map((root) => (isNews(root) ? { ...root, sequence: version } : root))
  const added = missing
    .toSorted((a, b) => compare(a.id, b.id))
    .slice(0, ROOTS_MAX - kept.length)
    .map((root): RootEntry => ({ ...root, state: 'old', sequence: version }))
  return { version, entries: [...kept, ...added] }
}
