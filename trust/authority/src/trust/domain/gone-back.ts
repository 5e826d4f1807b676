import type { TrustState } from '@countersign/contract/platform'
import { type Stage, stageOf } from './steps.ts'
import { activeRoot, sectionOf } from './trust-state.ts'

/** The stage of an authority's intermediates under the active root, as far as it is known here. */
export function stageAt(state: TrustState, instance: string): Stage {
  const root = activeRoot(state.roots)
  const entries = sectionOf(state, instance)?.entries ?? []
  return stageOf(entries.filter((entry) => entry.root === root?.id))
}

/**
 * Those that have gone back already where others have not: they were asked before, and not all were reached. A step back
 * is one of one stage, so whoever asks again wants the others to follow, and not these to go back twice.
 */
export function goneBack(state: TrustState, instances: readonly string[]): ReadonlySet<string> {
  const behind = instances.filter((instance) => stageAt(state, instance) !== 'activated')
  return new Set(behind.length < instances.length ? behind : [])
}
