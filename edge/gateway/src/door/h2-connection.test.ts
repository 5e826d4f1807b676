import { once } from 'node:events'
import { constants } from 'node:http2'
import { until } from '@countersign/ground/testkit'
import { describe, expect, it } from 'vitest'
import { askH2 as ask } from '../testing/h2-client.ts'
import { block, END_HEADERS, FRAME, frame, GET, get, RawH2, uint32 } from '../testing/h2-frames.ts'
import { createPki } from '../testing/pki.ts'
import type { Served } from '../testing/served-door.ts'
import { smallDoor } from '../testing/small-door.ts'
import { useH2Door } from '../testing/use-h2-door.ts'

/* One connection of HTTP/2, with nothing behind it: what comes in and what goes out. */
const BIG = Buffer.alloc(3 * 1024 * 1024, 'abcdefgh')
let clock = 0
const my = useH2Door({ time: () => clock })
const { session } = my
/** The door's clock goes on, and it looks at its connections. */
const pass = (ms: number): Promise<void> => {
  clock += ms
  return my.door.small.door.sweep()
}

describe('a request of HTTP/2', () => {
  it('is what the stack knows of requests', async () => {
    const over = session()
    const answer = await ask(
      over,
      {
        ...{ ':method': 'POST', ':path': '/a?b=c', 'x-one': '1', cookie: ['a=1', 'b=2'] },
      },
      'hello',
    )
    expect([answer.status, answer.body.toString()]).toEqual([200, 'ok'])
    expect(answer.headers).toMatchObject({ 'content-length': '2', date: expect.any(String) })
    const { request } = my.door.served[0] as Served
    expect(request).toMatchObject({ method: 'POST', target: '/a?b=c', version: '2' })
    expect(request.header('host')).toBe(`localhost:${my.door.small.port}`)
    expect([request.header('x-one'), request.header('cookie')]).toEqual(['1', 'a=1; b=2'])
    expect(request.headers.some((each) => each.startsWith(':'))).toBe(false)
    expect([request.length, request.upgrade]).toEqual([undefined, undefined])
    await ask(over)
    expect([my.door.served[1]?.request.length, my.door.served[1]?.request.complete]).toEqual([
      0,
      true,
    ])
  })
  it('has a body that comes at the pace of who reads it', async () => {
    let given = 0
    my.door.serve = ({ request, reply }) => {
      request.read({
        data: (chunk) => {
          given += chunk.length
          request.pause()
        },
        end: () => reply.send(200, [], Buffer.from(String(given))),
        gone: () => reply.destroy(),
      })
    }
    const answer = ask(session(), { ':method': 'POST' }, BIG)
    await until(() => given > 0, 'the first piece')
    // What is not taken stays with the client: the windows are full.
    await ask(session(), {}).catch(() => {})
    expect(given).toBeLessThan(256 * 1024)
    const pump = setInterval(() => my.door.served[0]?.request.resume(), 0)
    expect((await answer).body.toString()).toBe(String(BIG.length))
    clearInterval(pump)
  })
  it('is answered in pieces, with trailers, and without a body where there can be none', async () => {
    my.door.serve = ({ reply }) => {
      reply.head(200, ['Content-Type', 'text/plain', 'Connection-Like', 'x'])
      const push = (left: number): void => {
        if (left === 0) {
          reply.trailers?.(['x-sum', '7', 'X-Sum', '8'])
          reply.end(Buffer.from('!'))
        } else if (reply.write(BIG)) push(left - 1)
        else reply.listen({ drained: () => push(left - 1), closed: () => {} })
      }
      push(2)
    }
    const answer = await ask(session())
    expect(answer.body.length).toBe(2 * BIG.length + 1)
    expect(answer.trailers).toMatchObject({ 'x-sum': '7, 8' })
    my.door.serve = ({ reply }) => reply.send(200, ['content-length', '5'], Buffer.from('hello'))
    const head = await ask(session(), { ':method': 'HEAD' })
    expect([head.headers['content-length'], head.body.length]).toEqual(['5', 0])
    my.door.serve = ({ reply }) => reply.send(204, [], undefined)
    expect((await ask(session())).status).toBe(204)
  })
  it('whose answer would not be one is not answered so', async () => {
    const thrown: unknown[] = []
    my.door.serve = ({ reply }) => {
      const bad = [
        ['a b', 'x'],
        ['x', 'a\r\nb: c'],
        ['connection', 'close'],
        ['content-length', '1'],
      ]
      for (const headers of bad)
        try {
          reply.send(200, headers, Buffer.from('ok'))
        } catch (error) {
          thrown.push(error)
        }
      reply.send(200, [], undefined)
    }
    expect((await ask(session())).status).toBe(200)
    expect(thrown.map((each) => each instanceof TypeError)).toEqual([true, true, true, true])
    my.door.serve = ({ reply }) => {
      reply.head(200, ['content-length', '10'])
      reply.end(Buffer.from('short'))
    }
    await expect(ask(session())).rejects.toThrow('INTERNAL_ERROR')
  })
  it('that ends before its body is read gets its answer, and is told to stop', async () => {
    my.door.serve = ({ reply }) => reply.send(413, [], Buffer.from('no'))
    const stream = session().request({ ':method': 'POST', ':path': '/' })
    stream.write('beginning')
    const [headers] = await once(stream, 'response')
    expect(headers[':status']).toBe(413)
    stream.resume()
    await once(stream, 'close')
    expect(stream.rstCode).toBe(constants.NGHTTP2_NO_ERROR)
  })
  it('that the client takes back is over', async () => {
    const how: unknown[] = []
    my.door.serve = ({ request, reply }) => {
      request.read({ data: () => {}, end: () => {}, gone: (why) => how.push(why) })
      reply.listen({ drained: () => {}, closed: (whole) => how.push(whole) })
    }
    const raw = await RawH2.open(my.door.small)
    const post = block([[':method', 'POST'], ...GET.slice(1)])
    raw.send(frame(FRAME.headers, END_HEADERS, 1, post), frame(FRAME.data, 0, 1, Buffer.from('a')))
    await until(() => my.door.served.length === 1, 'it is served')
    raw.send(frame(FRAME.reset, 0, 1, uint32(constants.NGHTTP2_NO_ERROR)))
    await until(() => how.length === 2, 'both are told')
    expect(how).toEqual(['closed', false])
    expect(my.door.served[0]?.reply.destroyed).toBe(true)
    raw.socket.destroy()
  })
})

describe('time', () => {
  it('ends a connection without requests', async () => {
    const silent = await RawH2.open(my.door.small)
    await until(() => silent.frames.length > 0, 'settings')
    await pass(11_000)
    await until(() => silent.goaway === 0, 'it is told')
    await pass(2_000)
    await until(() => silent.closed, 'and ended')
    const used = await RawH2.open(my.door.small)
    used.send(get(1))
    await until(() => used.bodyOf(1) === 'ok', 'served')
    await pass(60_000)
    used.send(get(3))
    await until(() => used.bodyOf(3) === 'ok', 'served')
    await pass(80_000)
    await pass(2_000)
    await until(() => used.closed, 'ended')
  })
  it('ends a body that does not come', async () => {
    const how: unknown[] = []
    my.door.serve = ({ request, reply }) =>
      request.read({
        data: () => {},
        end: () => {},
        gone: (why) => {
          how.push(why)
          reply.send(408, [], Buffer.from('slow'))
        },
      })
    const over = session()
    const stream = over.request({ ':method': 'POST', ':path': '/' })
    stream.write('a')
    await until(() => my.door.served.length === 1, 'served')
    const answered = once(stream, 'response')
    await pass(3_000)
    await pass(6_000)
    const [headers] = await answered
    expect([headers[':status'], how]).toEqual([408, ['slow']])
    const patient = over.request({ ':method': 'POST', ':path': '/' })
    patient.on('error', () => {})
    my.door.serve = ({ request }) => {
      request.allowPauses?.(60_000)
      request.read({ data: () => {}, end: () => {}, gone: (why) => how.push(why) })
    }
    patient.write('a')
    await until(() => my.door.served.length === 2, 'served')
    await pass(30_000)
    expect(how.length).toBe(1)
    await pass(31_000)
    expect(how).toEqual(['slow', 'slow'])
  })
  it('gives up a stream whose client takes nothing, and no other', async () => {
    const how: boolean[] = []
    my.door.serve = ({ reply }) => {
      reply.listen({ drained: () => {}, closed: (whole) => void how.push(whole) })
      reply.head(200, [])
      reply.write(BIG)
    }
    const raw = await RawH2.open(my.door.small)
    raw.send(get(1))
    await until(() => raw.bodyOf(1).length >= 60_000, 'its window is full')
    await pass(31_000)
    await until(() => raw.resetsOf(1).length > 0, 'it is given up')
    expect(how).toEqual([false])
    my.door.serve = ({ reply }) => reply.send(200, [], Buffer.from('ok'))
    raw.send(frame(FRAME.windowUpdate, 0, 0, uint32(100_000)), get(3))
    await until(() => raw.bodyOf(3) === 'ok', 'the next stream is served')
    raw.socket.destroy()
  })
})

it('a door that drains tells its clients, and finishes what they have asked', async () => {
  const other = await smallDoor(await createPki(), {
    onRequest: (request, reply) => {
      my.door.served.push({ request, reply })
    },
  })
  const raw = await RawH2.open(other)
  raw.send(get(1))
  await until(() => my.door.served.length === 1, 'it is served')
  const idle = await RawH2.open(other)
  await until(() => idle.frames.length > 0, 'settings')
  const drained = other.door.drain()
  await until(() => raw.goaway === 0 && idle.goaway === 0, 'both are told')
  my.door.served[0]?.reply.send(200, [], Buffer.from('finished'))
  await until(() => raw.bodyOf(1) === 'finished', 'it has its answer')
  raw.socket.end()
  idle.socket.end()
  await drained
  expect([raw.closed, idle.closed]).toEqual([true, true])
})
