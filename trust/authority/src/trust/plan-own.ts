import type { IntermediateEntry, RootEntry, TrustState } from '@countersign/contract/platform'
import { messageOf } from '@countersign/ground/errors'
import { type Ca, isSignedBy, makeIntermediate, spanOf } from '../pki/create-ca.ts'
import type { SignerStore } from '../pki/signer-store.ts'
import { alignEntries } from './domain/align.ts'
import { sectionOf } from './domain/trust-state.ts'
import { INTERMEDIATES_MAX } from './limits.ts'

export interface Own {
  readonly instance: string
  readonly trustDomain: string
  /** The keys that lie in this authority's folder, by id. */
  readonly keys: ReadonlyMap<string, Ca>
  readonly vault: SignerStore
  readonly intermediateMs: number
  readonly now: number
  /** Whether a CA can still sign something of use. */
  readonly canSign: (certificate: string) => boolean
  /** What ends is replaced at once where nothing else helps. Else only the operator replaces it. */
  readonly mayReplace: boolean
}
/** What this authority's section should be. */
export interface Plan {
  readonly entries: readonly IntermediateEntry[]
  /** New intermediates; to be written before anybody hears of them. */
  readonly made: readonly Ca[]
  /** Roots under which there should be an intermediate and cannot, and why. */
  readonly missing: ReadonlyMap<string, string>
}

export const OFF_LINE = 'its key is not in the vault; do: countersign cert import-root'

/*
 * - what has no key any more cannot be ours: a copy of the folder, or another start of the store, has it
 * - what has a key is in the section, if its root is: it has to sign its list of revocations
 * - the rest follows the roots
 * - under the active and the next root there is an intermediate; where there is none, one is made
 * - an active one that can sign no more is replaced by the next, or a new one
 */
export async function planOwn(state: TrustState, own: Own): Promise<Plan> {
  const roots = state.roots.entries
  const entries = alignEntries(held(state, own), roots)
  const made: Ca[] = []
  const missing = new Map<string, string>()
  for (const root of roots.filter((each) => each.state !== 'old')) {
    const below = entries.filter((entry) => entry.root === root.id)
    const isNeeded = below.length === 0 || (root.state === 'active' && mustReplace(below, own))
    if (!isNeeded || (below.length > 0 && turnOver(entries, below, own))) continue
    try {
      const ca = await makeBelow(root, own)
      made.push(ca)
      demote(entries, root.id, own.now)
      entries.push(entryOf(ca, root, own.now))
    } catch (error) {
      missing.set(root.id, messageOf(error))
    }
  }
  return { entries: bounded(entries), made, missing }
}

/** A new intermediate under a root. Throws where the root's key is not here, or it is nearly ended. */
export async function makeBelow(root: RootEntry, own: Own): Promise<Ca> {
  const key = await own.vault.read(root.id)
  if (key === undefined) throw new Error(OFF_LINE)
  const { instance, trustDomain, now, intermediateMs: lifetimeMs } = own
  return makeIntermediate({ root: key, instance, trustDomain, now, lifetimeMs })
}

export function entryOf(ca: Ca, root: RootEntry, since: number): IntermediateEntry {
  return { id: ca.id, root: root.id, certificate: ca.certificate, state: root.state, since }
}

function held(state: TrustState, own: Own): IntermediateEntry[] {
  const listed = sectionOf(state, own.instance)?.entries.filter(({ id }) => own.keys.has(id)) ?? []
  const others = [...own.keys.values()].filter(({ id }) => !listed.some((each) => each.id === id))
  const found = others.flatMap(({ id, certificate }): IntermediateEntry[] => {
    const root = state.roots.entries.find((each) => isSignedBy(certificate, each.certificate))
    if (root === undefined) return []
    const since = spanOf(certificate).notBefore
    return [{ id, root: root.id, certificate, state: 'old', since }]
  })
  return [...listed, ...found]
}

function mustReplace(below: readonly IntermediateEntry[], own: Own): boolean {
  const active = below.find(({ state }) => state === 'active')
  return own.mayReplace && active !== undefined && !own.canSign(active.certificate)
}

/** Lets a next one that is ready take over. Says whether there was one. */
function turnOver(
  entries: IntermediateEntry[],
  below: readonly IntermediateEntry[],
  own: Own,
): boolean {
  const next = below.find((each) => each.state === 'next' && own.canSign(each.certificate))
  if (next === undefined) return false
  demote(entries, next.root, own.now)
  entries[entries.indexOf(next)] = { ...next, state: 'active', since: own.now }
  return true
}

function demote(entries: IntermediateEntry[], root: string, since: number): void {
  for (const [i, entry] of entries.entries()) {
    if (entry.root === root && entry.state === 'active')
      entries[i] = { ...entry, state: 'old', since }
  }
}

/** The oldest go first; none that signs or is going to. */
function bounded(entries: readonly IntermediateEntry[]): IntermediateEntry[] {
  const old = entries.filter(({ state }) => state === 'old').toSorted((a, b) => b.since - a.since)
  const rest = entries.filter(({ state }) => state !== 'old')
  const kept = new Set([...rest, ...old.slice(0, Math.max(0, INTERMEDIATES_MAX - rest.length))])
  return entries.filter((entry) => kept.has(entry))
}
