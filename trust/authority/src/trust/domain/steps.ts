import type { CaState, IntermediateEntry, RootEntry } from '@countersign/contract/platform'
import type { Intermediates, Roots } from './trust-state.ts'

/*
 * A rotation goes from stage to stage, and back by one at a time:
 *
 *           prepare            activate             retire
 *   (rest) --------> prepared ---------> activated --------> (rest)
 *          <--------          <---------
 *          rollback            rollback
 *
 * The stage is in the entries themselves: one `next` is prepared, `old` ones are activated. After a step back from
 * activated the new one is `next` again, though certificates may live under it; so what goes, goes through the gates.
 */
export type Stage = 'rest' | 'prepared' | 'activated'
interface Entry {
  readonly id: string
  readonly state: CaState
  readonly since: number
}

export function stageOf(entries: readonly { readonly state: CaState }[]): Stage {
  if (entries.some(({ state }) => state === 'next')) return 'prepared'
  return entries.some(({ state }) => state === 'old') ? 'activated' : 'rest'
}

/** Entries that a step takes out. Nothing that lives may be under them. */
export function leavingBy<E extends { readonly state: CaState }>(
  step: 'retire' | 'rollback',
  entries: readonly E[],
): E[] {
  const stage = stageOf(entries)
  if (step === 'retire')
    return stage === 'activated' ? entries.filter(({ state }) => state === 'old') : []
  return stage === 'prepared' ? entries.filter(({ state }) => state === 'next') : []
}

/** The roots after a step; `undefined` where there is nothing to do, or the step does not fit the stage. */
export function stepRoots(
  roots: Roots,
  step: { step: 'prepare'; entry: RootEntry } | { step: 'activate' | 'retire' | 'rollback' },
  now: number,
): Roots | undefined {
  const version = roots.version + 1
  if (step.step === 'prepare') {
    if (stageOf(roots.entries) !== 'rest') return undefined
    const entry: RootEntry = { ...step.entry, state: 'next', since: now, sequence: version }
    return { version, entries: [...roots.entries, entry] }
  }
  const entries = move(roots.entries, step.step, now)
  return entries && { version, entries }
}

/**
 * The intermediates of one authority after a step. It moves those under the active root; those under another follow
 * their root.
 */
export function stepIntermediates(
  section: Intermediates,
  step:
    | { step: 'prepare'; entry: IntermediateEntry }
    | { step: 'activate' | 'retire' | 'rollback'; root: string },
  now: number,
): Intermediates | undefined {
  const root = step.step === 'prepare' ? step.entry.root : step.root
  const below = section.entries.filter((entry) => entry.root === root)
  const others = section.entries.filter((entry) => entry.root !== root)
  const version = section.version + 1
  if (step.step === 'prepare') {
    if (stageOf(below) !== 'rest') return undefined
    const entry: IntermediateEntry = { ...step.entry, state: 'next', since: now }
    return { version, entries: [...others, ...below, entry] }
  }
  const entries = move(below, step.step, now)
  return entries && { version, entries: [...others, ...entries] }
}

function move<E extends Entry>(
  entries: readonly E[],
  step: 'activate' | 'retire' | 'rollback',
  now: number,
): E[] | undefined {
  const stage = stageOf(entries)
  if (step === 'activate') {
    return stage === 'prepared' ? swap(entries, { up: 'next', down: 'old' }, now) : undefined
  }
  if (step === 'rollback' && stage === 'activated')
    return swap(entries, { up: 'old', down: 'next' }, now)
  const leaving = leavingBy(step, entries)
  return leaving.length === 0 ? undefined : entries.filter((entry) => !leaving.includes(entry))
}

/** The newest of `up` becomes active, the active one becomes `down`. */
function swap<E extends Entry>(
  entries: readonly E[],
  { up, down }: { up: CaState; down: CaState },
  now: number,
): E[] {
  const [rising] = entries
    .filter(({ state }) => state === up)
    .toSorted((a, b) => b.since - a.since || (a.id < b.id ? -1 : 1))
  return entries.map((entry) => {
    if (entry === rising) return { ...entry, state: 'active', since: now }
    return entry.state === 'active' ? { ...entry, state: down, since: now } : entry
  })
}
