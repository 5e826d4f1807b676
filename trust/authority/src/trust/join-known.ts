import type { TrustState } from '@countersign/contract/platform'
import { type Branch, join } from './domain/branches.ts'
import { hashOf, laterOf, merge, sectionOf } from './domain/trust-state.ts'
import type { Known } from './trust-store.ts'

/** What is known after another authority has said its state; `undefined` where nothing of it is new. */
export function joinKnown(
  mine: Known,
  said: { readonly state: TrustState; readonly branch: Branch },
  instance: string,
): { readonly known: Known; readonly isMended: boolean } | undefined {
  const branch = join(mine.branch, said.branch)
  const { roots } = branch
  const state = { roots, authorities: { ...mine.authorities } }
  const { authorities } = merge(state, said.state)
  const own = sectionOf(state, instance)
  const heard = sectionOf(said.state, instance)
  // Somebody knows a later section of ours than we do: our store was set back. Ours counts, as a newer one.
  if (heard !== undefined && (own === undefined || laterOf(own, heard) !== own))
    authorities[instance] = { version: heard.version + 1, entries: own?.entries ?? [] }
  const known = { branch, authorities }
  if (hashAll(known) === hashAll(mine)) return undefined
  const isMended = roots.version > Math.max(mine.branch.roots.version, said.branch.roots.version)
  return { known, isMended }
}

function hashAll({ branch, authorities }: Known): string {
  const sections = Object.entries(authorities).map(([name, each]) => `${name} ${hashOf(each)}`)
  return [hashOf(branch.roots), ...sections.toSorted()].join('\n')
}
