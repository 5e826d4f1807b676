import { type Contract, type Endpoint, openapi, type RawReply } from '@countersign/contract'
import { WAITS_FOR_CHARS_MAX } from './limits.ts'
import type { TrustStatus, Workload } from './workload.ts'

/** Whether a workload takes work, and what it waits for where it does not and knows. */
interface Readiness {
  readonly ready: boolean
  readonly waitsFor: string | undefined
}

/** Handlers of the contract `operations`, for a workload that answers `contract`. */
export function operationsOf(
  workload: Workload,
  contract: Contract<string, Record<string, Endpoint>>,
  readiness: () => Readiness,
): Record<string, () => RawReply | object | Promise<RawReply>> {
  return {
    openapi: () => ({
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(openapi(contract)),
    }),
    live: () => ({ status: 'ok' }),
    metrics: async () => ({
      status: 200,
      headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
      body: await workload.metrics.text(),
    }),
    ready: () => {
      const now = readiness()
      return {
        status: now.ready ? 200 : 503,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(statusOf(workload, now)),
      }
    },
  }
}

function statusOf(workload: Workload, { ready, waitsFor }: Readiness): object {
  const { notAfter, notBefore, serial } = workload.identity.current()
  return {
    status: ready ? 'ready' : 'not ready',
    ...(ready || waitsFor === undefined
      ? {}
      : { waitsFor: waitsFor.slice(0, WAITS_FOR_CHARS_MAX) }),
    name: workload.name,
    instance: workload.instance,
    spiffeId: workload.identity.id,
    certificate: { serial, notBefore, notAfter, renewals: workload.identity.renewals },
    ...(workload.trust === undefined ? {} : { trust: trustOf(workload.trust.status()) }),
    pid: process.pid,
  }
}

function trustOf({ sequence, revision, stale, nextUpdate, revoked }: TrustStatus): object {
  return {
    sequence,
    revision,
    stale,
    nextUpdate: new Date(nextUpdate).toISOString(),
    ...(revoked ? { revoked } : {}),
  }
}
