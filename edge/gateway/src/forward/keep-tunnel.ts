import { Refusal } from '@countersign/layers'
import type { Events } from '../events.ts'
import type { Exchange } from '../exchange.ts'
import { TUNNELS_MAX } from '../limits.ts'
import type { Lasting, LastingOnes } from './lasting.ts'
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

/**
 * Until both sides are closed: the request lasts as long, is counted among those under way, and is on record then. Rejects
 * with the refusal that has ended it, if one has.
 */
export async function keepTunnel(
  tunnel: Tunnel,
  exchange: Exchange,
  { events, lasting }: { readonly events: Events; readonly lasting: LastingOnes },
): Promise<void> {
  const closed = events.tunnelOpened()
  const entry: Lasting = { exchange, refuse: (refusal) => tunnel.refuse(refusal) }
  lasting.add(entry)
  await tunnel.over
  lasting.delete(entry)
  const { toService, toClient, refusal } = tunnel
  closed({ toService, toClient })
  const { plugins } = exchange
  if (plugins !== undefined) {
    plugins.passage.requestBytes = toService
    plugins.passage.answerBytes = toClient
  }
  if (refusal !== undefined) throw refusal
}
