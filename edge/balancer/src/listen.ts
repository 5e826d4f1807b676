import { createServer, type Server, type Socket } from 'node:net'
import { CodedError } from '@countersign/ground/errors'
import { BACKLOG } from './limits.ts'

export interface Listening {
  readonly addresses: readonly { readonly host: string; readonly port: number }[]
  /** Stops accepting. Connections that are open stay. */
  stop(): void
}

/**
 * Listens at `host`; at both loopback addresses where it is `localhost`, with the same port.
 * Throws `CodedError` LISTEN_FAILED with a message for people. A machine without IPv6 gets IPv4 alone.
 */
export async function listen(
  at: { readonly host: string; readonly port: number },
  onConnection: (socket: Socket) => void,
): Promise<Listening> {
  const hosts = at.host === 'localhost' ? ['127.0.0.1', '::1'] : [at.host]
  const servers: Server[] = []
  const addresses: { host: string; port: number }[] = []
  const stop = (): void => {
    for (const server of servers) server.close()
  }
  for (const host of hosts) {
    const server = createServer(
      { pauseOnConnect: true, allowHalfOpen: true, noDelay: true, keepAlive: true },
      onConnection,
    )
    try {
      addresses.push({ host, port: await bind(server, host, addresses[0]?.port ?? at.port) })
      servers.push(server)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (addresses.length > 0 && (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT')) continue
      stop()
      throw new CodedError('LISTEN_FAILED', `cannot listen at ${host}:${at.port} (${code})`, {
        cause: error,
      })
    }
  }
  return { addresses, stop }
}

function bind(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, backlog: BACKLOG }, () => {
      server.removeListener('error', reject)
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : port)
    })
  })
}
