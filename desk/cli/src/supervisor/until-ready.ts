import { setTimeout as sleep } from 'node:timers/promises'
import { SETTLE_ASK_MS } from '../limits.ts'
import type { Seen } from './probe.ts'
import type { ProcessSpec } from './process-spec.ts'

export interface Waiting {
  readonly instance: string
  /** As it says itself; `undefined`: it does not say, or does not answer. */
  readonly waitsFor: string | undefined
}
export interface UntilReadyOptions {
  readonly ask: (spec: ProcessSpec) => Promise<Seen | undefined>
  readonly withinMs: number
  /** Asked between two questions: true ends the wait. */
  readonly over: () => boolean
}

/**
 * Waits until processes say themselves that they are ready. One that has started may not be: a gateway may wait for its
 * configuration, a balancer for a gateway. Resolves with those that were not in time; never rejects.
 */
export async function untilReady(
  specs: readonly ProcessSpec[],
  options: UntilReadyOptions,
): Promise<readonly Waiting[]> {
  const end = performance.now() + options.withinMs
  let left = await stillWaiting(specs, options)
  while (left.length > 0 && performance.now() < end && !options.over()) {
    await sleep(SETTLE_ASK_MS)
    left = await stillWaiting(
      left.map(({ spec }) => spec),
      options,
    )
  }
  return left.map(({ spec, seen }) => ({ instance: spec.instance, waitsFor: seen?.waitsFor }))
}

async function stillWaiting(
  specs: readonly ProcessSpec[],
  { ask }: UntilReadyOptions,
): Promise<readonly { spec: ProcessSpec; seen: Seen | undefined }[]> {
  const asked = await Promise.all(specs.map(async (spec) => ({ spec, seen: await ask(spec) })))
  return asked.filter(({ seen }) => seen?.ready !== true)
}

/** As in `gateway-1 (it waits for the first configuration of the control plane), balancer-1`. */
export function waitingWords(waiting: readonly Waiting[]): string {
  return waiting
    .map(({ instance, waitsFor }) =>
      waitsFor === undefined ? instance : `${instance} (it waits for ${waitsFor})`,
    )
    .join(', ')
}
