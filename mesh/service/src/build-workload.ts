import type { Spans } from '@countersign/ground/telemetry'
import type { OnBehalf } from './client/client.ts'
import type { Joined } from './join-mesh.ts'
import type { Workload } from './workload.ts'

/** Puts together what a part is given: who it is, and what it needs to be a good citizen. */
export function buildWorkload(
  name: string,
  { settings, instance, identity, connected, trust, log, metrics }: Joined,
  { audit, spans }: { readonly audit: Workload['audit']; readonly spans: Spans | undefined },
): Workload & OnBehalf {
  metrics.gauge(
    'countersign_certificate_expiry_timestamp_seconds',
    'When the certificate of this workload ends',
    [],
    function () {
      this.set(identity.current().notAfter.getTime() / 1000)
    },
  )
  // With the end: how much of its life is left, whatever that life is.
  metrics.gauge(
    'countersign_certificate_start_timestamp_seconds',
    'When the certificate of this workload began',
    [],
    function () {
      this.set(identity.current().notBefore.getTime() / 1000)
    },
  )
  metrics.gauge(
    'countersign_certificate_renewals',
    'How often the certificate was renewed since the start',
    [],
    function () {
      this.set(identity.renewals)
    },
  )
  return {
    name,
    instance,
    trustDomain: settings.COUNTERSIGN_TRUST_DOMAIN,
    identity,
    log,
    metrics,
    audit,
    spans,
    trust,
    instances: (of) => connected.resolver.instances(of),
    contracts: () => connected.resolver.contracts(),
    call: (contract) => connected.call(contract),
    callAt: (contract, where) => connected.callAt(contract, where),
    callFor: (contract, behalf) => connected.callFor(contract, behalf),
    close: () => connected.close(),
  }
}
