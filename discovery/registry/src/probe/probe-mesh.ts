import { operations } from '@countersign/contract/platform'
import { messageOf } from '@countersign/ground/errors'
import type { Workload } from '@countersign/service'
import type { ProbeResult } from '../domain/probed.ts'
import { PROBE_TIMEOUT_MS } from '../limits.ts'
import type { Probe } from './prober.ts'

/**
 * Probes over the mesh: a TLS connection to the address, on which the other side must prove exactly the SPIFFE id of
 * the name, and then `GET /readyz`. A program that knows no `/readyz` is ready when it answers at all.
 */
export function probeMesh(workload: Pick<Workload, 'callAt'>): Probe {
  return async ({ anyAnswer, ...at }) => {
    const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS)
    try {
      const options = { timeoutMs: PROBE_TIMEOUT_MS, signal }
      const { status } = await workload.callAt(operations, at).ready(undefined, options)
      if (status === 200) return { found: 'ready', output: 'ready, identity proven' }
      if (anyAnswer === true && status < 500)
        return { found: 'ready', output: `identity proven, answered ${status}` }
      return { found: 'busy', output: `identity proven, /readyz answered ${status}` }
    } catch (error) {
      return failure(error, signal.aborted)
    }
  }
}

function failure(error: unknown, timedOut: boolean): ProbeResult {
  const codes = codesOf(error)
  if (codes.has('ECONNREFUSED')) return { found: 'refused', output: 'nobody listens there' }
  if (codes.has('PEER_WRONG'))
    return { found: 'impostor', output: 'another identity listens there' }
  const output = timedOut ? `no answer within ${PROBE_TIMEOUT_MS} ms` : messageOf(error)
  return { found: 'failed', output }
}

/** Codes of an error and of its causes. */
function codesOf(error: unknown): Set<string> {
  const codes = new Set<string>()
  let at: unknown = error
  for (let depth = 0; at instanceof Error && depth < 8; depth++) {
    if ('code' in at) codes.add(String(at.code))
    at = at.cause
  }
  return codes
}
