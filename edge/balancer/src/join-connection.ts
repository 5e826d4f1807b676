import { randomUUID } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { encodeProxyV2 } from '@countersign/ground/http1'
import type { Gateways } from './gateways.ts'
import { CONNECT_TIMEOUT_MS, HALF_OPEN_TIMEOUT_MS, IDLE_TIMEOUT_MS } from './limits.ts'

/*
 * One connection, in order:
 * 1. the client waits, unread, while a gateway is found; each gateway is tried once
 * 2. the gateway is told who connected (PROXY v2), and the connection gets an id that both sides log
 * 3. bytes flow both ways, each side at the pace of the slower one
 * 4. an end of one side is passed on, and the other side may finish; a failure ends both
 */

/** Joins a client to a gateway. `client` must be paused and half-open capable. Resolves false where no gateway took it. */
export async function joinConnection(client: Socket, gateways: Gateways): Promise<boolean> {
  const source = { address: client.remoteAddress ?? '', port: client.remotePort ?? 0 }
  const destination = { address: client.localAddress ?? '', port: client.localPort ?? 0 }
  const gateway = await findGateway(client, gateways)
  if (gateway === undefined) return false
  gateway.socket.write(
    encodeProxyV2({ command: 'proxy', source, destination, uniqueId: randomUUID() }),
  )
  gateways.opened(gateway.address)
  gateway.socket.once('close', () => gateways.closed(gateway.address))
  joinSockets(client, gateway.socket)
  return true
}

async function findGateway(
  client: Socket,
  gateways: Gateways,
): Promise<{ address: string; socket: Socket } | undefined> {
  const tried = new Set<string>()
  for (;;) {
    const chosen = gateways.choose(tried)
    if (chosen === undefined || client.destroyed) return undefined
    tried.add(chosen.address)
    try {
      return { address: chosen.address, socket: await open(chosen) }
    } catch (error) {
      gateways.failed(chosen.address, (error as NodeJS.ErrnoException).code ?? 'unknown')
    }
  }
}

function open(gateway: { host: string; port: number }): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const { host, port } = gateway
    const socket = connect({ host, port, noDelay: true, keepAlive: true, allowHalfOpen: true })
    const timer = setTimeout(() => {
      socket.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' }))
    }, CONNECT_TIMEOUT_MS)
    socket.once('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
    socket.once('connect', () => {
      clearTimeout(timer)
      socket.removeAllListeners('error')
      resolve(socket)
    })
  })
}

function joinSockets(client: Socket, gateway: Socket): void {
  const endBoth = (): void => {
    client.destroy()
    gateway.destroy()
  }
  for (const socket of [client, gateway]) {
    socket.on('error', endBoth)
    socket.on('close', endBoth)
    socket.on('timeout', endBoth)
    socket.once('end', () => client.setTimeout(HALF_OPEN_TIMEOUT_MS))
  }
  // Bytes in either direction pass the client's socket, so its timer sees both.
  client.setTimeout(IDLE_TIMEOUT_MS)
  if (client.destroyed) {
    endBoth()
    return
  }
  client.pipe(gateway)
  gateway.pipe(client)
}
