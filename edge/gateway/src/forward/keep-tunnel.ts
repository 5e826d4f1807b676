import { Refusal } from '@countersign/layers'
import type { Events } from '../events.ts'
import type { Exchange } from '../exchange.ts'
import { TUNNELS_MAX } from '../limits.ts'
import { openTunnels, type Tunnel } from './tunnel.ts'

/** Throws `Refusal` OVERLOADED where a change of protocol is asked for and there are too many already. */
export function mayTunnel({ request }: Exchange): void {
  if (request.upgrade === undefined || openTunnels() < TUNNELS_MAX) return
  throw new Refusal('OVERLOADED', {
    detail: 'Too many connections are kept open. Try again in a while.',
    rule: `gateway: more than ${TUNNELS_MAX} connections that speak WebSocket`,
    remedy: 'keep fewer open, or start another gateway',
    headers: { 'retry-after': '10' },
  })
}

/** Until both sides are closed: the request lasts as long, is counted among those under way, and is on record then. */
export async function keepTunnel(
  tunnel: Tunnel,
  { plugins }: Exchange,
  events: Events,
): Promise<void> {
  const closed = events.tunnelOpened()
  await tunnel.over
  const { toService, toClient } = tunnel
  closed({ toService, toClient })
  if (plugins === undefined) return
  plugins.passage.requestBytes = toService
  plugins.passage.answerBytes = toClient
}
