import { constants } from 'node:http2'
import { until } from '@countersign/ground/testkit'
import { describe, expect, it } from 'vitest'
import { askH2 } from '../testing/h2-client.ts'
import {
  block,
  END_HEADERS,
  END_STREAM,
  FRAME,
  frame,
  GET,
  get,
  RawH2,
  uint32,
} from '../testing/h2-frames.ts'
import type { Served } from '../testing/served-door.ts'
import { useH2Door } from '../testing/use-h2-door.ts'

/* What no client of HTTP/2 needs: heads with two meanings, and too much of anything. */
const my = useH2Door()
const { session } = my
const rules = (): string => my.door.small.refusals.map(({ facts }) => facts.rule).join('; ')
const alive = async (): Promise<number> => {
  my.door.reset()
  return (await askH2(session())).status
}

describe('a head that could be read in two ways', () => {
  const heads: Record<string, readonly (readonly [string, string])[]> = {
    'an upper case name': [...GET, ['X-Upper', 'a']],
    'transfer-encoding': [...GET, ['transfer-encoding', 'chunked']],
    'a connection header': [...GET, ['connection', 'x']],
    'te of more than trailers': [...GET, ['te', 'gzip']],
    'an upgrade': [...GET, ['upgrade', 'websocket']],
    'a doubled path': [...GET, [':path', '/other']],
    'a pseudo-header behind': [...GET.slice(0, 3), ['a', 'b'], [':path', '/']],
    'an unknown pseudo-header': [...GET, [':protocol', 'websocket']],
    'a path with a space': [...GET.slice(0, 3), [':path', '/a b']],
    'a path that is none': [...GET.slice(0, 3), [':path', 'a']],
    'no path': GET.slice(0, 3),
    'another host': [...GET, ['host', 'elsewhere']],
    'two hosts': [...GET, ['host', 'localhost'], ['host', 'localhost']],
    'another scheme': [
      [':method', 'GET'],
      [':scheme', 'http'],
      [':authority', 'localhost'],
      [':path', '/'],
    ],
    'a length without a body': [...GET, ['content-length', '5']],
    'two lengths': [...GET, ['content-length', '0'], ['content-length', '0']],
    CONNECT: [
      [':method', 'CONNECT'],
      [':authority', 'localhost:1'],
    ],
  }
  it.each(Object.entries(heads))('%s is no request', async (_what, head) => {
    const raw = await RawH2.open(my.door.small)
    raw.send(get(1, head), get(3))
    await until(() => raw.bodyOf(3) === 'ok', 'the next stream is served')
    const refused = raw.resetsOf(1)[0] === constants.NGHTTP2_PROTOCOL_ERROR
    const answered = /"status":40[05]/.test(raw.bodyOf(1))
    expect([refused || answered, my.door.served.length]).toEqual([true, 1])
    raw.socket.destroy()
  })
  it('a value with a line break or a NUL reaches nobody', async () => {
    const raw = await RawH2.open(my.door.small)
    raw.send(get(1, [...GET, ['x', 'a\r\nb: c'], ['y', 'a\0b'], ['z', 'c']]))
    await until(() => raw.bodyOf(1) === 'ok', 'the engine leaves them out')
    expect(my.door.served[0]?.request.headers).toEqual(['host', 'localhost', 'z', 'c'])
    raw.socket.destroy()
  })
  it('a body of another length than declared never ends', async () => {
    const how: unknown[] = []
    my.door.serve = ({ request }) =>
      request.read({ data: () => {}, end: () => how.push('end'), gone: (why) => how.push(why) })
    const post = block([[':method', 'POST'], ...GET.slice(1), ['content-length', '5']])
    const sent = async (body: string): Promise<RawH2> => {
      const raw = await RawH2.open(my.door.small)
      raw.send(frame(FRAME.headers, END_HEADERS, 1, post))
      raw.send(frame(FRAME.data, END_STREAM, 1, Buffer.from(body)))
      return raw
    }
    const short = await sent('abc')
    await until(() => short.resetsOf(1)[0] === constants.NGHTTP2_PROTOCOL_ERROR, 'a reset')
    const long = await sent('abcdefgh')
    await until(() => long.closed || long.resetsOf(1).length > 0, 'an end')
    await until(() => how.length === 2, 'both are given up')
    expect(how).toEqual(['closed', 'closed'])
    for (const each of [short, long]) each.socket.destroy()
  })
})

it('whatever is taken back at whatever moment does no harm', async () => {
  const bad = [...GET, ['host', 'elsewhere']] as const
  const post = block([[':method', 'POST'], ...GET.slice(1)])
  const reset = (stream: number): Buffer => frame(FRAME.reset, 0, stream, uint32(8))
  const serves = [
    ({ reply }: Served) => reply.send(200, [], Buffer.from('ok')),
    ({ reply }: Served) => void setImmediate(() => reply.send(200, [], Buffer.from('ok'))),
    ({ reply }: Served) => {
      reply.continue()
      reply.head(200, [])
      reply.trailers?.(['x-sum', '1'])
      reply.write(Buffer.alloc(100_000))
      setImmediate(() => reply.end(Buffer.from('end')))
    },
    ({ request, reply }: Served) => {
      const give = (): void => reply.send(200, [], Buffer.from('ok'))
      request.read({ data: () => {}, end: give, gone: give })
    },
  ]
  let at = 0
  my.door.serve = (each) => serves[at++ % serves.length]?.(each)
  const raw = await RawH2.open(my.door.small)
  raw.send(frame(FRAME.windowUpdate, 0, 0, uint32(100_000_000)))
  for (let i = 0; i < 40; i++) {
    const stream = 8 * i + 1
    raw.send(get(stream, bad), reset(stream), get(stream + 2), reset(stream + 2))
    raw.send(frame(FRAME.headers, END_HEADERS, stream + 4, post), get(stream + 6))
    raw.send(frame(FRAME.data, 0, stream + 4, Buffer.from('a')), reset(stream + 4))
    await new Promise((resolve) => setImmediate(resolve))
    raw.send(reset(stream + 6))
  }
  my.door.serve = ({ reply }) => reply.send(200, [], Buffer.from('still here'))
  raw.send(get(1_001))
  await until(() => raw.bodyOf(1_001) === 'still here' || raw.closed, 'an answer, or an end')
  raw.socket.destroy()
  expect(await alive()).toBe(200)
})

describe('too much', () => {
  const calm = async (raw: RawH2): Promise<number | undefined> => {
    await until(() => raw.closed, 'the connection ends', 20_000)
    return raw.goaway
  }
  it('streams that are taken back at once end the connection (CVE-2023-44487)', async () => {
    const how: boolean[] = []
    my.door.serve = ({ reply }) =>
      reply.listen({ drained: () => {}, closed: (whole) => void how.push(whole) })
    const raw = await RawH2.open(my.door.small)
    // A page may be left with all that it has asked for.
    const takenBack = (i: number): Buffer[] => [
      get(2 * i + 1),
      frame(FRAME.reset, 0, 2 * i + 1, uint32(8)),
    ]
    raw.send(...Array.from({ length: 100 }, (_, i) => takenBack(i)).flat(), get(1_001))
    await until(() => my.door.served.at(-1)?.request.header('host') === 'localhost', 'served')
    raw.send(...Array.from({ length: 150 }, (_, i) => takenBack(i + 501)).flat())
    expect(await calm(raw)).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM)
    await until(() => how.length === my.door.served.length, 'none is under way')
    expect(how.some((whole) => whole)).toBe(false)
    const endless = await RawH2.open(my.door.small)
    for (let i = 0; !endless.closed; i++) {
      endless.send(...takenBack(i))
      if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    expect(rules()).toContain('taken back')
    expect(await alive()).toBe(200)
  })
  it('more streams at once than allowed are refused', async () => {
    my.door.serve = () => {}
    const raw = await RawH2.open(my.door.small)
    raw.send(...Array.from({ length: 150 }, (_, i) => get(2 * i + 1)))
    await until(() => raw.resetsOf(299).length > 0, 'the last is refused')
    expect(raw.resetsOf(299)).toEqual([constants.NGHTTP2_REFUSED_STREAM])
    expect(my.door.served.length).toBe(100)
    raw.send(...Array.from({ length: 500 }, (_, i) => get(2 * i + 301)))
    await calm(raw)
    expect(await alive()).toBe(200)
  })
  it('a head without an end is cut off (CONTINUATION flood)', async () => {
    const raw = await RawH2.open(my.door.small)
    raw.send(frame(FRAME.headers, 0, 1, block(GET)))
    const more = frame(FRAME.continuation, 0, 1, block([['x', 'y'.repeat(1_000)]]))
    for (let i = 0; i < 2_000 && !raw.closed; i++) raw.send(more)
    await calm(raw)
    expect(my.door.served).toEqual([])
    expect(await alive()).toBe(200)
  })
  it('a head over the bound is refused', async () => {
    const raw = await RawH2.open(my.door.small)
    const large = [...GET, ...Array.from({ length: 12 }, (_, i) => [`x-${i}`, 'y'.repeat(2_000)])]
    raw.send(...[frame(FRAME.headers, 0, 1, block(GET))].slice(1))
    const bytes = block(large as never)
    raw.send(
      frame(FRAME.headers, 1, 1, bytes.subarray(0, 16_000)),
      frame(FRAME.continuation, END_HEADERS, 1, bytes.subarray(16_000)),
      get(3),
    )
    await until(() => raw.bodyOf(3) === 'ok', 'the next stream is served')
    expect(raw.resetsOf(1).length + Number(raw.bodyOf(1).includes('431'))).toBe(1)
    const many = [...GET, ...Array.from({ length: 500 }, (_, i) => [`x-${i}`, 'y'])]
    raw.send(get(5, many as never), get(7))
    await until(() => raw.bodyOf(7) === 'ok', 'the next stream is served')
    expect(raw.resetsOf(5).length + Number(raw.bodyOf(5).includes('431'))).toBe(1)
    expect(my.door.served.length).toBe(2)
    raw.socket.destroy()
  })
  it.each([
    ['PING', () => frame(FRAME.ping, 0, 0, Buffer.alloc(8))],
    ['SETTINGS', () => frame(FRAME.settings, 0, 0)],
  ])('%s without end is too much', async (_what, make) => {
    const raw = await RawH2.open(my.door.small)
    raw.send(...Array.from({ length: 150 }, make))
    expect(await calm(raw)).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM)
    expect(rules()).toContain('PING or SETTINGS')
    expect(await alive()).toBe(200)
  })
  it.each([
    ['empty DATA', () => frame(FRAME.data, 0, 1)],
    ['PRIORITY', () => frame(FRAME.priority, 0, 1, Buffer.alloc(5, 1))],
    ['WINDOW_UPDATE', () => frame(FRAME.windowUpdate, 0, 1, uint32(1))],
    [
      'padding',
      () => frame(FRAME.data, 8, 1, Buffer.concat([Buffer.from([250]), Buffer.alloc(251)])),
    ],
    ['frames that nobody knows', () => frame(77, 0, 1, Buffer.alloc(100))],
  ])('%s without end is too much', async (_what, make) => {
    my.door.serve = ({ request }) => request.discard()
    const raw = await RawH2.open(my.door.small)
    raw.send(frame(FRAME.headers, END_HEADERS, 1, block([[':method', 'POST'], ...GET.slice(1)])))
    await until(() => my.door.served.length === 1, 'it is served')
    const one = make()
    const many = Buffer.concat(Array.from({ length: 1_000 }, () => one))
    while (!raw.closed) {
      raw.send(many)
      await new Promise((resolve) => setImmediate(resolve))
      await my.door.small.door.sweep()
    }
    expect(my.door.small.refusals.length + Number(raw.goaway !== undefined)).toBeGreaterThan(0)
    expect(await alive()).toBe(200)
  })
})
