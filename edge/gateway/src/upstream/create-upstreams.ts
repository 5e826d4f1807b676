import type { Settings } from '../config/settings.ts'
import { networks } from './address-guard.ts'
import type { GroupParts } from './side.ts'
import { Upstreams } from './upstreams.ts'

/** The upstreams of a gateway, as its settings say. */
export function createUpstreams(
  { queueMsMax, connectionsPerTargetMax, upstreamAllow, plainUpstreams }: Settings,
  parts: Omit<GroupParts, 'bounds' | 'leave' | 'markOf'>,
): Upstreams {
  return new Upstreams({
    ...parts,
    bounds: { queueMsMax, connectionsMax: connectionsPerTargetMax },
    leave: { allowed: networks(upstreamAllow), plain: networks(plainUpstreams) },
  })
}
