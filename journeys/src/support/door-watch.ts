import { connect, type TLSSocket } from 'node:tls'
import type { Shown } from './mesh.ts'

/** How one door treats one certificate, from now on. Times are `performance.now()`; undefined: not yet. */
export interface DoorWatch {
  readonly name: string
  /** When the connection that was open was closed from the other side. */
  readonly cutAt: number | undefined
  /** When a new connection was refused for the first time, by a full handshake and by a resumed session. */
  readonly refusedAt: number | undefined
  readonly resumptionRefusedAt: number | undefined
  /** Tries that were let in again after that. */
  readonly reopened: number
  close(): void
}

const REQUEST = 'GET /healthz HTTP/1.1\r\nhost: probe\r\n\r\n'
const EVERY_MS = 25

/**
 * Keeps one connection open at a door and knocks again every 25 ms, by turns with a full handshake and with the
 * session of an earlier one. Rejects where the door does not take the certificate to begin with.
 */
export async function watchDoor(
  door: { name: string; port: number },
  shown: Shown,
): Promise<DoorWatch> {
  let session: Buffer | undefined
  const held = await open(door.port, shown, undefined, (each) => (session = each))
  if (held === undefined) throw new Error(`${door.name} does not answer the probe`)
  if (session === undefined) throw new Error(`${door.name} gave no session`)
  const resumed = await open(door.port, shown, session)
  if (resumed?.isSessionReused() !== true) throw new Error(`${door.name} does not resume a session`)
  resumed.destroy()
  const seen: { -readonly [K in keyof DoorWatch]: DoorWatch[K] } = {
    name: door.name,
    cutAt: undefined,
    refusedAt: undefined,
    resumptionRefusedAt: undefined,
    reopened: 0,
    close: () => {
      closed = true
      held.destroy()
    },
  }
  let closed = false
  held.once('close', () => {
    if (!closed) seen.cutAt = performance.now()
  })
  const knock = async (field: 'refusedAt' | 'resumptionRefusedAt'): Promise<void> => {
    while (!closed) {
      const socket = await open(
        door.port,
        shown,
        field === 'resumptionRefusedAt' ? session : undefined,
      )
      if (socket === undefined) seen[field] ??= performance.now()
      else if (seen[field] !== undefined) seen.reopened += 1
      socket?.destroy()
      await new Promise((done) => setTimeout(done, EVERY_MS))
    }
  }
  void knock('refusedAt')
  void knock('resumptionRefusedAt')
  return seen
}

/** A connection on which the door has answered a request; undefined where it hung up before. */
function open(
  port: number,
  shown: Shown,
  session?: Buffer,
  onSession?: (session: Buffer) => void,
): Promise<TLSSocket | undefined> {
  return new Promise((done) => {
    const socket = connect({
      ...shown,
      ...{ host: '127.0.0.1', port, minVersion: 'TLSv1.3', ALPNProtocols: ['http/1.1'] },
      checkServerIdentity: () => undefined,
      ...(session === undefined ? {} : { session }),
    })
    if (onSession !== undefined) socket.on('session', onSession)
    socket.once('secureConnect', () => socket.write(REQUEST))
    socket.once('data', () => done(socket))
    socket.once('error', () => done(undefined))
    socket.once('close', () => done(undefined))
    socket.setTimeout(5_000, () => socket.destroy())
  })
}
