import { chmod, rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { messageOf } from '@countersign/ground/errors'
import { CONTROL_CONNECTIONS_MAX, CONTROL_LINE_BYTES_MAX, RESTART_CALL_MS_MAX } from '../limits.ts'
import {
  type ControlAnswer,
  type ControlRequest,
  controlRequestSchema,
} from './control-protocol.ts'

export type ControlHandler = (request: ControlRequest) => Promise<unknown>

/** Listens for commands on a unix socket inside a folder of mode 0700. Returns the way to stop. */
export async function serveControl(
  path: string,
  handle: ControlHandler,
): Promise<() => Promise<void>> {
  await rm(path, { force: true })
  const open = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    socket.on('error', () => socket.destroy())
    socket.setTimeout(RESTART_CALL_MS_MAX, () => socket.destroy())
    readLine(socket, (line) => void answer(line, handle).then((text) => socket.end(`${text}\n`)))
  })
  server.maxConnections = CONTROL_CONNECTIONS_MAX
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve))
  await chmod(path, 0o600)
  return async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    for (const socket of open) socket.destroySoon()
    await closed
  }
}

async function answer(line: string, handle: ControlHandler): Promise<string> {
  const reply = (value: ControlAnswer): string => JSON.stringify(value)
  try {
    const request = controlRequestSchema.safeParse(JSON.parse(line))
    if (!request.success)
      return reply({ ok: false, message: `not understood: ${request.error.issues[0]?.message}` })
    return reply({ ok: true, value: (await handle(request.data)) ?? null })
  } catch (error) {
    return reply({ ok: false, message: messageOf(error) })
  }
}

function readLine(socket: Socket, take: (line: string) => void): void {
  let text = ''
  socket.setEncoding('utf8')
  const read = (chunk: string): void => {
    text += chunk
    if (text.length > CONTROL_LINE_BYTES_MAX) return void socket.destroy()
    const end = text.indexOf('\n')
    if (end < 0) return
    socket.off('data', read)
    socket.resume()
    take(text.slice(0, end))
  }
  socket.on('data', read)
}
