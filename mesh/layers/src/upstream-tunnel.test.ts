import type { Duplex } from 'node:stream'
import { until } from '@countersign/ground/testkit'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Client } from './testing/raw-server.ts'
import { ask, UpstreamLab } from './testing/upstream-lab.ts'

let lab: UpstreamLab
beforeAll(async () => {
  lab = await UpstreamLab.create()
})
afterEach(() => lab.cleanUp())

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const MEGABYTE = 1024 * 1024
const PIECE = Buffer.alloc(64 * 1024, 'x')
/** The sockets of both sides and the kernel hold some; nobody holds more. */
const HELD_BYTES_MAX = 24 * MEGABYTE

describe('an upgrade', () => {
  const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n'
  async function upgraded(onBytes: (client: Client, text: string) => void) {
    const { upstream, server } = await lab.connectedTo(onBytes, { connectionsMax: 1 })
    const { promise, resolve, reject } = Promise.withResolvers<[number, Duplex, Buffer]>()
    upstream.stream(ask('/', { upgrade: 'echo' }), {
      upgraded: (status, _headers, socket, firstBytes) => resolve([status, socket, firstBytes]),
      head: (status) => {
        reject(new Error(`${status}`))
        return true
      },
      data: () => true,
      end: () => undefined,
      error: reject,
    })
    return { upstream, server, answer: promise }
  }
  it('hands over the connection, and others take its place', async () => {
    const { upstream, server, answer } = await upgraded(({ socket }, text) => {
      if (text.includes('upgrade: echo')) socket.write(`${SWITCH}first`)
      else if (text.startsWith('GET')) socket.write(OK)
      else socket.write(text.toUpperCase())
    })
    const [status, socket, firstBytes] = await answer
    expect([status, String(firstBytes)]).toEqual([101, 'first'])
    let heard = ''
    let ended = false
    socket.on('data', (chunk: Buffer) => {
      heard += chunk
    })
    socket.on('end', () => {
      ended = true
    })
    socket.write('hello')
    await until(() => heard === 'HELLO', 'an echo')
    expect((await upstream.request(ask())).status).toBe(200)
    expect([upstream.inFlight, server.connections]).toEqual([1, 2])
    for (const each of server.sockets) each.end('bye')
    await until(() => ended, 'the end')
    expect(heard).toBe('HELLObye')
    await until(() => upstream.inFlight === 0, 'nothing in flight')
  })
  it('keeps to the pace of who reads', async () => {
    let sent = 0
    const { answer } = await upgraded(({ socket }) => {
      socket.write(SWITCH)
      const more = (): void => {
        while (sent < 50 * MEGABYTE) {
          sent += PIECE.length
          if (!socket.write(PIECE)) return void socket.once('drain', more)
        }
        socket.end()
      }
      more()
    })
    const [, socket, firstBytes] = await answer
    let bytes = firstBytes.length
    for await (const chunk of socket) {
      bytes += (chunk as Buffer).length
      expect(sent - bytes).toBeLessThan(HELD_BYTES_MAX)
    }
    expect(bytes).toBe(50 * MEGABYTE)
  })
  it('ends on both sides when either does', async () => {
    const { upstream, server, answer } = await upgraded(({ socket }) => void socket.write(SWITCH))
    const [, socket] = await answer
    socket.destroy()
    await until(() => server.sockets.size === 0, 'no connection')
    await until(() => upstream.inFlight === 0, 'nothing in flight')
  })
  it('that is refused is an answer like others', async () => {
    const { answer } = await upgraded(({ socket }) => void socket.write(OK))
    await expect(answer).rejects.toThrow('200')
  })
})
