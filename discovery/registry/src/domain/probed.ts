import { FAILURES_MAX, OUTPUT_CHARS_MAX, PROBE_AGAIN_MS, PROBE_INTERVAL_MS } from '../limits.ts'
import { putInstance } from './change.ts'
import { type Instance, type Outcome, type Proof, type RegistryState, unchanged } from './state.ts'

/**
 * What a probe found at the address.
 * `ready`: the right certificate, and it takes work. `busy`: the right certificate, but it starts or drains.
 * `refused`: nobody listens. `impostor`: somebody else listens. `failed`: no answer, or none in time.
 */
export interface ProbeResult {
  readonly found: 'ready' | 'busy' | 'refused' | 'impostor' | 'failed'
  readonly output: string
}

/*
 * - only `ready` proves an instance
 * - what is certain (busy, refused, impostor) counts at once
 * - what can be an accident (failed) counts when it happens twice in a row
 * - the answer to a probe of an address that was left since means nothing
 */
export function probed(
  state: RegistryState,
  probe: { key: string; generation: number; result: ProbeResult },
  now: number,
): Outcome {
  const before = state.instances.get(probe.key)
  if (before === undefined || before.generation !== probe.generation) return unchanged(state)
  const { found, output } = probe.result
  const failures = found === 'ready' ? 0 : before.failures + 1
  const proof = proofAfter(before, found, failures)
  const wanted = { ...before, proof, failures, output: output.slice(0, OUTPUT_CHARS_MAX) }
  const put = putInstance(state, wanted, now)
  const news = found === 'impostor' && before.proof !== 'failed'
  return news
    ? { ...put, effects: [...put.effects, { kind: 'impostor', instance: { ...before, output } }] }
    : put
}

function proofAfter(before: Instance, found: ProbeResult['found'], failures: number): Proof {
  if (found === 'ready') return 'proven'
  const patient = found === 'failed' && before.proof === 'proven' && failures < FAILURES_MAX
  return patient ? 'proven' : 'failed'
}

/** When to look again: soon after a failure, so that a hung instance is found within one interval. */
export function probeAfterMs(instance: Pick<Instance, 'failures' | 'proof'>): number {
  if (instance.failures === 0) return PROBE_INTERVAL_MS
  return Math.min(PROBE_AGAIN_MS * 2 ** (instance.failures - 1), PROBE_INTERVAL_MS)
}
