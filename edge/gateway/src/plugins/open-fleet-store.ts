import {
  createMemoryFleetStore,
  NO_FLEET_STORE,
  type OpenFleetStore,
  openRedisFleetStore,
} from '@countersign/layers'
import type { Log } from '@countersign/ground/telemetry'
import type { Settings } from '../config/settings.ts'

/** What plugins of all gateways know together. Without Redis only a gateway that is alone knows what all do. */
export async function openFleetStore(
  { redis, share }: Settings,
  log: Log,
): Promise<OpenFleetStore> {
  if (redis !== undefined) return await openRedisFleetStore({ ...redis, of: share.of, log })
  return share.of === 1 ? createMemoryFleetStore() : NO_FLEET_STORE
}
