import type { Socket } from 'node:net'
import { Portions } from '@countersign/ground/time'
import type { Workload } from '@countersign/service'
import type { Settings } from './config/settings.ts'
import { createEvents } from './events.ts'
import { Gateways } from './gateways.ts'
import { joinConnection } from './join-connection.ts'
import { DRAIN_MS_MAX, DRAIN_QUIET_MS, DRAIN_TICK_MS } from './limits.ts'
import { listen } from './listen.ts'
import { SourceCounts } from './source-counts.ts'

export interface Balancer {
  readonly addresses: readonly { readonly host: string; readonly port: number }[]
  /** Whether a new connection would find a gateway. */
  ready(): boolean
  /** Stops accepting and waits for open connections: quiet ones are ended soon, busy ones may finish. */
  drain(): Promise<void>
  close(): void
}
type Needs = Pick<Workload, 'log' | 'metrics' | 'audit' | 'instances'>

/** Opens the public door. Throws `CodedError` LISTEN_FAILED where the port cannot be had. */
export async function createBalancer(settings: Settings, workload: Needs): Promise<Balancer> {
  const events = createEvents(workload)
  const counts = new SourceCounts({
    max: settings.connectionsMax,
    perSourceMax: settings.connectionsPerSourceMax,
  })
  const open = new Set<Socket>()
  const gateways = new Gateways({
    seeds: settings.gateways.map(({ host, port }) => `${host}:${port}`),
    instances: workload.instances('gateway'),
    events,
  })
  let draining = false

  const begin = async (client: Socket): Promise<void> => {
    if (await joinConnection(client, gateways)) return
    if (!client.destroyed) events.refused('no_gateway')
    client.destroy()
  }
  // Who comes with a thousand others holds up nobody who is here already.
  const beginnings = new Portions<Socket>((client) => void begin(client))
  const accept = (client: Socket): void => {
    client.on('error', () => client.destroy())
    const address = client.remoteAddress ?? ''
    const entered = draining ? 'draining' : counts.enter(address)
    if (entered !== 'entered') {
      // Of the other bounds nobody is to blame by name.
      events.refused(entered, entered === 'source' ? address : undefined)
      client.resetAndDestroy()
      return
    }
    open.add(client)
    client.once('close', () => {
      open.delete(client)
      counts.leave(address)
    })
    beginnings.add(client)
  }
  const listening = await listen(settings.listen, accept).catch((error: unknown) => {
    gateways.close()
    throw error
  })
  return {
    addresses: listening.addresses,
    ready: () => !draining && gateways.anyHealthy,
    drain: () => {
      draining = true
      listening.stop()
      return drained(open)
    },
    close: () => {
      draining = true
      listening.stop()
      gateways.close()
      events.flush()
      for (const socket of open) socket.destroy()
    },
  }
}

/** TLS hides whether a request is under way, so what has carried no byte for a while is taken to be done. */
async function drained(open: ReadonlySet<Socket>): Promise<void> {
  const seen = new Map<Socket, { bytes: number; since: number }>()
  const end = performance.now() + DRAIN_MS_MAX
  while (open.size > 0 && performance.now() < end) {
    const now = performance.now()
    for (const socket of open) {
      const bytes = socket.bytesRead + socket.bytesWritten
      const last = seen.get(socket)
      if (last === undefined || last.bytes !== bytes) seen.set(socket, { bytes, since: now })
      else if (now - last.since >= DRAIN_QUIET_MS) socket.destroy()
    }
    await new Promise((resolve) => setTimeout(resolve, DRAIN_TICK_MS))
  }
  for (const socket of open) socket.destroy()
}
