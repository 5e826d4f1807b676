import { randomInt } from 'node:crypto'
import { createServer, type Server } from 'node:net'
import { DeskError, systemCode } from '../errors.ts'
import { PORT_BLOCKS } from '../limits.ts'
import { portHolder } from './port-holder.ts'

/** Ports that are one platform's alone. */
export interface ReservedPorts {
  readonly ports: readonly number[]
  /** Gives them up. */
  release(): Promise<void>
}

/**
 * So many ports of the loopback, all different, that nobody listens at. No other platform gets them while this process holds
 * them: they lie in a block whose first port is held open. Nor does an outgoing connection, since blocks lie below the ports
 * that systems give to those. Throws `DeskError` ENVIRONMENT where every block is taken.
 */
export async function reservePorts(count: number, blocks = PORT_BLOCKS): Promise<ReservedPorts> {
  const first = randomInt(blocks.count)
  for (let i = 0; i < blocks.count; i++) {
    const base = blocks.min + ((first + i) % blocks.count) * blocks.size
    const reserved = await reserveIn(base, { count, size: blocks.size })
    if (reserved !== undefined) return reserved
  }
  const last = blocks.min + blocks.count * blocks.size - 1
  throw new DeskError(
    'ENVIRONMENT',
    `found no ${count} free ports side by side between ${blocks.min} and ${last}.\nStop what listens there: ss -ltn`,
  )
}

async function reserveIn(
  base: number,
  wanted: { readonly count: number; readonly size: number },
): Promise<ReservedPorts | undefined> {
  const held = await listen(base).catch(() => undefined)
  if (held === undefined) return undefined
  held.unref()
  const ports: number[] = []
  for (let port = base + 1; port < base + wanted.size && ports.length < wanted.count; port++)
    if (await isFreePort(port)) ports.push(port)
  if (ports.length === wanted.count) return { ports, release: () => close(held) }
  await close(held)
  return undefined
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

/** Listens, and has nothing to say to who comes. */
function listen(port: number): Promise<Server> {
  const server = createServer((socket) => socket.destroy())
  return new Promise((resolve, reject) =>
    server
      .once('error', reject)
      .listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve(server)),
  )
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()))
}
