import type { Workload } from '@countersign/service'
import type { Settings } from '../config/settings.ts'
import { createGuardedFetch } from './guarded-fetch.ts'
import { SharedStores } from './shared-stores.ts'
import type { Lent } from './tool-box.ts'

/** What the gateway lends to plugins. */
export function lendTo(
  { issuer, audience, fetchAllow }: Settings,
  { log, metrics, identity: platform }: Workload<'gateway'>,
  by: Pick<Lent, 'limiter' | 'fleet' | 'verifier' | 'targets'>,
): Lent {
  const fetch = createGuardedFetch({ allow: fetchAllow })
  const stores = new SharedStores()
  return { ...by, log, metrics, issuer, audience, fetch, stores, platform, now: Date.now }
}
