import { SLOW_START_MS, SLOW_START_SHARE } from '../limits.ts'
import type { GatewayState } from './gateway-state.ts'

/*
 * - the healthy gateway with the fewest connections for its share takes the next one; of equals, the one that
 *   comes first in a turning order
 * - a gateway that was readmitted a moment ago has a small share that grows
 * - what was tried for this connection is not tried again
 * - where none is healthy, all are tried: a wrong belief about health must not close the door
 */
export function choose(
  gateways: readonly GatewayState[],
  options: { readonly tried: ReadonlySet<string>; readonly turn: number; readonly now: number },
): GatewayState | undefined {
  const open = gateways.filter((each) => !options.tried.has(each.address))
  const healthy = open.filter((each) => each.healthy)
  const candidates = healthy.length > 0 ? healthy : open
  let best: GatewayState | undefined
  let bestLoad = Number.POSITIVE_INFINITY
  for (let i = 0; i < candidates.length; i++) {
    const each = candidates[(i + options.turn) % candidates.length]
    if (each === undefined) continue
    const load = (each.connections + 1) / share(each, options.now)
    if (load < bestLoad) [best, bestLoad] = [each, load]
  }
  return best
}

/** The part of its full load that a gateway gets now, above 0 and up to 1. */
export function share(gateway: GatewayState, now: number): number {
  const grown = (now - gateway.readmittedAt) / SLOW_START_MS
  return grown >= 1 ? 1 : Math.max(SLOW_START_SHARE, grown)
}
