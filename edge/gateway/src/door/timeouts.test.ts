import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { until } from '@countersign/ground/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { open } from '../testing/client.ts'
import { createPki } from '../testing/pki.ts'
import { type SmallDoor, smallDoor } from '../testing/small-door.ts'
import type { Incoming, Reply } from './asked.ts'

/* How long the door waits, by a clock that is put forward: nothing here waits for time to pass. */
let small: SmallDoor
let aheadMs = 0
let serve: (request: Incoming, reply: Reply) => void = () => {}
let served = 0
beforeAll(async () => {
  small = await smallDoor(await createPki(), {
    onRequest: (request, reply) => {
      served++
      serve(request, reply)
    },
    time: () => performance.now() + aheadMs,
  })
})
afterAll(() => small.door.close())
beforeEach(() => {
  served = 0
  serve = (_request, reply) => reply.send(200, [], Buffer.from('ok'))
})

/** What a client has got, and whether its connection has ended. */
async function client(text: string): Promise<{ socket: TLSSocket; got: string; ended: boolean }> {
  const socket = await open(small)
  const state = { socket, got: '', ended: false }
  socket.on('error', () => {})
  socket.on('close', () => {
    state.ended = true
  })
  socket.on('data', (chunk: Buffer) => {
    state.got += chunk.toString('latin1')
  })
  if (text !== '') socket.write(text)
  return state
}
/** Puts the clock forward, when what was sent has arrived, and lets the door look at it. */
async function forward(ms: number): Promise<void> {
  await small.door.sweep()
  await new Promise((resolve) => setTimeout(resolve, 50))
  aheadMs += ms
  await small.door.sweep()
  await new Promise((resolve) => setTimeout(resolve, 50))
}
/** Puts it forward again and again, since what was sent may arrive late. */
const forwardUntil = (ms: number, check: () => boolean, what: string): Promise<void> =>
  until(async () => {
    await forward(ms)
    return check()
  }, what)
const get = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n'

describe('a connection', () => {
  it('stays for 75 s after its last answer', async () => {
    const idle = await client(get)
    await until(() => idle.got.endsWith('ok'), 'an answer')
    await forward(60_000)
    expect(idle.ended).toBe(false)
    await forwardUntil(20_000, () => idle.ended, 'the end')
  })
  it.each([
    ['nothing', Buffer.alloc(0), undefined],
    ['a byte of its handshake', Buffer.of(0x16), '127.0.0.1'],
  ])('that sends %s ends after 10 s', async (_, bytes, blamed) => {
    const before = small.turnedAway.length
    const socket = connectTcp(small.port, '127.0.0.1').on('error', () => {})
    let ended = false
    socket.on('close', () => {
      ended = true
    })
    await once(socket, 'connect')
    socket.write(bytes)
    await forward(1_000)
    expect(ended).toBe(false)
    await forwardUntil(10_000, () => ended, 'the end')
    await until(() => small.turnedAway.length > before, 'it is counted')
    expect(small.turnedAway.slice(before)).toEqual(['handshake'])
    expect(small.blamed.at(-1)).toBe(blamed)
  })
  it('that asks nothing ends after 10 s, without a word', async () => {
    const silent = await client('')
    await forwardUntil(11_000, () => silent.ended, 'the end')
    expect(silent.got).toBe('')
  })
  it('whose head is not whole after 10 s is answered 408', async () => {
    const slow = await client('GET / HTTP/1.1\r\nHost:')
    await forward(5_000)
    slow.socket.write(' h\r\nX:')
    expect(slow.ended).toBe(false)
    await forwardUntil(6_000, () => slow.ended, 'the end')
    expect(slow.got).toMatch(/^HTTP\/1\.1 408 /)
    expect(small.refusals.at(-1)?.code).toBe('REQUEST_TIMEOUT')
    expect(served).toBe(0)
  })
  it('is waited for while its answer is made, however long that takes', async () => {
    let answer: (() => void) | undefined
    serve = (_request, reply) => {
      answer = () => reply.send(200, [], Buffer.from('ok'))
    }
    const patient = await client(get)
    await until(() => answer !== undefined, 'the request')
    await forward(500_000)
    answer?.()
    await until(() => patient.got.endsWith('ok'), 'the answer')
    patient.socket.destroy()
  })
  it('that takes no byte of its answer for 30 s is cut', async () => {
    let whole: boolean | undefined
    serve = (_request, reply) => {
      reply.listen({
        drained: () => {},
        closed: (is) => {
          whole = is
        },
      })
      reply.send(200, [], Buffer.alloc(32 * 1024 * 1024))
    }
    const stalled = await client('')
    stalled.socket.pause()
    stalled.socket.write(get)
    await until(() => served === 1, 'the request')
    await forward(20_000)
    expect(whole).toBe(undefined)
    await forwardUntil(20_000, () => whole === false, 'the end')
    stalled.socket.destroy()
  })
})

describe('a body', () => {
  const post = 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n'
  let how: string[] = []
  beforeEach(() => {
    how = []
    serve = (request, reply) =>
      request.read({
        data: () => {},
        end: () => reply.send(200, [], undefined),
        gone: (why) => {
          how.push(why)
          reply.send(408, [], undefined)
        },
      })
  })
  it('that stops for 5 s is too slow', async () => {
    const slow = await client(`${post}hello`)
    await forwardUntil(6_000, () => slow.ended, 'the end')
    expect(slow.got).toMatch(/^HTTP\/1\.1 408 [\s\S]*connection: close/)
    expect(how).toEqual(['slow'])
  })
  it('that trickles is too slow', async () => {
    const slow = await client(post)
    await until(async () => {
      slow.socket.write('x')
      await forward(4_000)
      return how.length > 0
    }, 'it is too slow')
    expect(how).toEqual(['slow'])
  })
  it('that is held back by us is not slow', async () => {
    serve = (request, reply) => {
      request.read({ data: () => request.pause(), end: () => {}, gone: (why) => how.push(why) })
      reply.listen({ drained: () => {}, closed: () => how.push('closed') })
    }
    const held = await client(`${post}hello`)
    await until(() => served === 1, 'the request')
    await forward(60_000)
    expect(how).toEqual([])
    await forwardUntil(70_000, () => how.includes('slow'), 'the longest of all is over')
    held.socket.destroy()
  })
})

describe('an end', () => {
  it('is lingered for: who still sends gets the answer, and a bounded time', async () => {
    serve = (_request, reply) => reply.send(413, [], Buffer.from('too large'))
    const sending = await client('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9000000\r\n\r\n')
    await until(() => sending.got.endsWith('too large'), 'the answer')
    expect(sending.got).toContain('connection: close')
    await until(() => sending.ended, 'the end')
  })
  it('comes soon for those with nothing under way when the door drains; who asks until then is answered', async () => {
    let answer: (() => void) | undefined
    let asked = 0
    const other = await smallDoor(await createPki(), {
      onRequest: (_request, reply) => {
        answer = () => reply.send(200, [], Buffer.from('late'))
        if (asked++ > 0) answer()
      },
    })
    const busy = await open(other)
    let got = ''
    busy.on('data', (chunk: Buffer) => {
      got += chunk.toString('latin1')
    })
    const late = await open(other)
    let toLate = ''
    late.on('data', (chunk: Buffer) => {
      toLate += chunk.toString('latin1')
    })
    const idle = await open(other)
    const idleEnds = new Promise((resolve) => idle.resume().once('close', resolve))
    busy.write(get)
    await until(() => answer !== undefined, 'the request')
    const first = answer
    const drained = other.door.drain()
    // On its way when the door began to drain.
    late.write(get)
    await until(() => toLate.endsWith('late'), 'an answer to it')
    expect(toLate).toContain('connection: close')
    await idleEnds
    first?.()
    await drained
    await until(() => got.endsWith('late'), 'the answer')
    expect(got).toContain('connection: close')
  })
})
