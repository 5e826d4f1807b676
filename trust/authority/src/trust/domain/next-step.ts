import type { CaState, RotationStep } from '@countersign/contract/platform'
import { stageOf } from './steps.ts'

/**
 * What the schedule should do with roots, or with the intermediates of one authority; `undefined` where nothing is due. A
 * rotation belongs to the schedule when what it replaces is due; any other is the operator's, and is left alone.
 */
export function nextStep<E extends { readonly state: CaState }>(
  entries: readonly E[],
  rules: {
    readonly isDue: (entry: E) => boolean
    /** Whether a new one would last longer than this one. */
    readonly helps: (active: E) => boolean
  },
): RotationStep | undefined {
  const stage = stageOf(entries)
  const active = entries.find(({ state }) => state === 'active')
  if (stage === 'activated') {
    const old = entries.filter(({ state }) => state === 'old')
    const isDue = old.every(rules.isDue) || (active !== undefined && rules.isDue(active))
    return isDue ? 'retire' : undefined
  }
  if (active === undefined || !rules.isDue(active)) return undefined
  if (stage === 'prepared') return 'activate'
  return rules.helps(active) ? 'prepare' : undefined
}
