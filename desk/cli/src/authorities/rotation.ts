import type { Blocker, Quorum, RotationKind, RotationStep } from '@countersign/contract/platform'
import { pause } from '../supervisor/pause.ts'

/** What an authority says of one step. */
export interface StepAnswer {
  readonly taken: boolean
  readonly done: boolean
  readonly blockers: readonly Blocker[]
  readonly sequence: number
}
export interface RotationRun {
  readonly steps: readonly RotationStep[]
  /** Tries one step. `undefined`: nobody answered; asked again later. */
  readonly attempt: (step: RotationStep) => Promise<StepAnswer | undefined>
  readonly timeoutMs: number
  readonly lookMs: number
  /** Ends the wait; what was taken stays taken. */
  readonly signal: AbortSignal
  /** Told at each look that found a step blocked. */
  readonly onWait: (step: RotationStep, blockers: readonly Blocker[] | undefined) => void
  readonly onTaken: (step: RotationStep, answer: StepAnswer) => void
}
export type RotationEnd =
  | { readonly end: 'done' }
  | {
      readonly end: 'late' | 'stopped'
      readonly step: RotationStep
      readonly blockers: readonly Blocker[]
    }

/** What is left of a rotation, by the state that an authority tells: one that was begun is gone on with. */
export function stepsLeft(kind: RotationKind, quorum: Quorum): readonly RotationStep[] {
  const states = kind === 'root' ? quorum.roots : intermediatesOf(quorum)
  if (states.some(({ state }) => state === 'next')) return ['activate', 'retire']
  if (states.some(({ state }) => state === 'old')) return ['retire']
  return ['prepare', 'activate', 'retire']
}

/** Those below the root that signs: the others belong to a rotation of the root. */
function intermediatesOf(quorum: Quorum) {
  const active = new Set(quorum.roots.filter(({ state }) => state === 'active').map(({ id }) => id))
  return quorum.authorities
    .flatMap(({ intermediates }) => intermediates)
    .filter(({ root }) => active.has(root))
}

/**
 * Takes the steps in order and waits before each until nothing is in its way, for `timeoutMs` in all. Each step is
 * tried at least once. Nothing is taken back at the end of the time, nor where the signal says stop.
 */
export async function rotate(run: RotationRun): Promise<RotationEnd> {
  const end = performance.now() + run.timeoutMs
  for (const step of run.steps) {
    for (;;) {
      if (run.signal.aborted) return { end: 'stopped', step, blockers: [] }
      const answer = await run.attempt(step)
      if (answer !== undefined && (answer.taken || answer.done)) {
        run.onTaken(step, answer)
        break
      }
      const blockers = answer?.blockers ?? []
      run.onWait(step, answer?.blockers)
      if (performance.now() >= end) return { end: 'late', step, blockers }
      await pause(Math.min(run.lookMs, Math.max(0, end - performance.now())), run.signal)
      if (run.signal.aborted) return { end: 'stopped', step, blockers }
    }
  }
  return { end: 'done' }
}
