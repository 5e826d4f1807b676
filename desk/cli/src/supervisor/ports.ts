import { createServer, type Server } from 'node:net'
import { DeskError, systemCode } from '../errors.ts'
import { portHolder } from './port-holder.ts'

/**
 * Free ports of the loopback, all different. They are held together until the last one is found, and are free again
 * on return: between that and their use another program could take one, which the process that gets it will report.
 */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers: Server[] = []
  try {
    for (let i = 0; i < count; i++) servers.push(await listen(0))
    return servers.map((server) => {
      const address = server.address()
      return typeof address === 'object' && address !== null ? address.port : 0
    })
  } finally {
    await Promise.all(servers.map(close))
  }
}

/** Throws `DeskError` ENVIRONMENT, with the holder if it can be seen, where a port of the loopback is taken. */
export async function requireFreePort(
  port: number,
  variable = 'COUNTERSIGN_PUBLIC_PORT',
): Promise<void> {
  try {
    await close(await listen(port))
  } catch (error) {
    const code = systemCode(error)
    if (code === 'EADDRINUSE') {
      const holder = portHolder(port)
      const who =
        holder === undefined ? 'by another program' : `by ${holder.name} (pid ${holder.pid})`
      throw new DeskError(
        'ENVIRONMENT',
        `port ${port} is taken ${who}.\nStop it, or choose another port: ${variable}=<port> countersign up`,
      )
    }
    throw new DeskError('ENVIRONMENT', `port ${port} cannot be used (${code})`, { cause: error })
  }
}

/** Whether nobody listens at a port of the loopback now. */
export async function isFreePort(port: number): Promise<boolean> {
  try {
    await close(await listen(port))
    return true
  } catch {
    return false
  }
}

function listen(port: number): Promise<Server> {
  const server = createServer()
  return new Promise((resolve, reject) =>
    server
      .once('error', reject)
      .listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve(server)),
  )
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()))
}
