import { type Contract, type Endpoint, openapi, type RawReply } from '@countersign/contract'
import type { TrustStatus, Workload } from './workload.ts'

/** Handlers of the contract `operations`, for a workload that answers `contract`. `ready`: whether it takes work. */
export function operationsOf(
  workload: Workload,
  contract: Contract<string, Record<string, Endpoint>>,
  ready: () => boolean,
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
    ready: () => ({
      status: ready() ? 200 : 503,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(statusOf(workload, ready())),
    }),
  }
}

function statusOf(workload: Workload, ready: boolean): object {
  const { notAfter, notBefore, serial } = workload.identity.current()
  return {
    status: ready ? 'ready' : 'not ready',
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
