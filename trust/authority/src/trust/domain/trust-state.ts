import { createHash } from 'node:crypto'
import type { IntermediateEntry, RootEntry, TrustState } from '@countersign/contract/platform'
import { alignEntries } from './align.ts'

/*
 * The state of trust as every authority keeps it: the roots, which any of them may change, and the intermediates of each,
 * which only that one changes. Of two states the merge takes, section by section, the one with the higher version, and of
 * two with the same version the one with the greater hash. It does not matter in which order, how often and by whose
 * way they come: who has heard the same has the same.
 */
export type Roots = TrustState['roots']
export type Intermediates = TrustState['authorities'][string]

/** The hash of a section: the same for the same content, whatever the order of its entries and of their fields. */
export function hashOf(section: Roots | Intermediates): string {
  const entries = section.entries.toSorted((a, b) => compare(a.id, b.id))
  return createHash('sha256')
    .update(canonical({ version: section.version, entries }))
    .digest('hex')
}

/** The section that counts of two. Commutative, associative, idempotent. */
export function laterOf<S extends Roots | Intermediates>(a: S, b: S): S {
  if (a.version !== b.version) return a.version > b.version ? a : b
  return hashOf(a) >= hashOf(b) ? a : b
}

/** What follows from two states. Commutative, associative, idempotent. */
export function merge(a: TrustState, b: TrustState): TrustState {
  const names = new Set([...Object.keys(a.authorities), ...Object.keys(b.authorities)])
  const authorities: Record<string, Intermediates> = {}
  for (const name of [...names].toSorted()) {
    const [mine, theirs] = [sectionOf(a, name), sectionOf(b, name)]
    const section = mine && theirs ? laterOf(mine, theirs) : (mine ?? theirs)
    if (section !== undefined) authorities[name] = section
  }
  return { roots: laterOf(a.roots, b.roots), authorities }
}

export function sectionOf(state: TrustState, instance: string): Intermediates | undefined {
  return Object.hasOwn(state.authorities, instance) ? state.authorities[instance] : undefined
}

/**
 * The state as it is to be read: an intermediate follows its root, also where its authority has not been able to say so
 * since. What lies under no root is left out.
 */
export function readingOf(state: TrustState): TrustState {
  const authorities: Record<string, Intermediates> = {}
  for (const [name, { version, entries }] of Object.entries(state.authorities)) {
    authorities[name] = { version, entries: alignEntries(entries, state.roots.entries) }
  }
  return { roots: state.roots, authorities }
}

const ORDER = { active: 0, next: 1, old: 2 } as const

/** PEM of every root; the active one first. */
export function bundleOf({ roots }: TrustState): string {
  return roots.entries
    .toSorted((a, b) => ORDER[a.state] - ORDER[b.state] || compare(a.id, b.id))
    .map(({ certificate }) => certificate)
    .join('')
}

/** Every intermediate of a reading, with whose it is. */
export function intermediatesOf(
  reading: TrustState,
): (IntermediateEntry & { readonly instance: string })[] {
  return Object.entries(reading.authorities).flatMap(([instance, { entries }]) =>
    entries.map((entry) => ({ ...entry, instance })),
  )
}

export function activeRoot({ entries }: Roots): RootEntry | undefined {
  return entries.find(({ state }) => state === 'active')
}

/** Since which sequence a root is in every bundle; where it does not say, since the present one. */
export function sequenceOf(roots: Roots, root: RootEntry): number {
  return root.sequence ?? roots.version
}

export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const fields = Object.entries(value).filter(([, each]) => each !== undefined)
  const sorted = fields.toSorted(([a], [b]) => compare(a, b))
  return `{${sorted.map(([key, each]) => `${JSON.stringify(key)}:${canonical(each)}`).join()}}`
}
