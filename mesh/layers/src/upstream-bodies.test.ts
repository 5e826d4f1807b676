import { until } from '@countersign/ground/testkit'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ask, errorOf, hear, UpstreamLab } from './testing/upstream-lab.ts'
import { type BodySink, type BodySource, sourceOf } from './upstream-body.ts'

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

/** A source that a test drives. */
class TestSource implements BodySource {
  sink: BodySink | undefined
  resumed = 0
  cancelled = 0
  start(sink: BodySink): void {
    this.sink = sink
  }
  resume(): void {
    this.resumed++
  }
  cancel(): void {
    this.cancelled++
  }
}
const post = (body: BodySource, headers: readonly string[] = []) =>
  ask('/', { method: 'POST', body, headers })

describe('a body that comes in parts', () => {
  it('is sent chunked with its trailers, and what there is at once leaves with the head', async () => {
    const texts: string[] = []
    const { upstream } = await lab.connectedTo(({ socket }, text) => {
      texts.push(text)
      if (text.endsWith('x-sum: 1\r\n\r\n')) socket.write(OK)
    })
    const source = new TestSource()
    source.start = (sink) => {
      source.sink = sink
      sink.write(Buffer.from('hello'))
    }
    const reply = upstream.request(post(source))
    await until(() => texts.length === 1, 'the first part')
    expect(texts[0]).toMatch(/^POST \/ .*\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n$/s)
    source.sink?.write(Buffer.alloc(0))
    source.sink?.write(Buffer.from('you'))
    source.sink?.end(['x-sum', '1'])
    expect((await reply).status).toBe(200)
    expect(texts.slice(1).join('')).toBe('3\r\nyou\r\n0\r\nx-sum: 1\r\n\r\n')
    expect(source.cancelled).toBe(0)
  })
  it('has the length that is declared, or the request is broken off', async () => {
    let text = ''
    const { upstream, server } = await lab.connectedTo(({ socket }, bytes) => {
      text += bytes
      if (text.endsWith('\r\n\r\nhello')) socket.write(OK)
    })
    async function* parts(...all: string[]) {
      for (const each of all) yield Buffer.from(each)
    }
    const declared = ['content-length', '5']
    expect((await upstream.request(post(sourceOf(parts('he', 'llo')), declared))).status).toBe(200)
    expect(server.connections).toBe(1)
    for (const wrong of [parts('hell'), parts('hello', 'o'), parts()]) {
      const { code } = await errorOf(upstream.request(post(sourceOf(wrong), declared)))
      expect(code).toBe('REQUEST_INVALID')
    }
    const invalid = new TestSource()
    const failed = errorOf(upstream.request(post(invalid)))
    await until(() => invalid.sink !== undefined, 'a start')
    invalid.sink?.end(['content-length', '1'])
    expect((await failed).code).toBe('REQUEST_INVALID')
    await until(() => server.sockets.size === 0, 'no connection is left of them')
    expect(upstream.inFlight).toBe(0)
  })
  it('that breaks off ends the request with its own error', async () => {
    const { upstream, server } = await lab.connectedTo(() => undefined)
    const why = new Error('no more')
    const broken = sourceOf(
      // biome-ignore lint/correctness/useYield: it fails before its first part
      (async function* (): AsyncGenerator<Buffer> {
        throw why
      })(),
    )
    const thrower = new TestSource()
    thrower.start = () => {
      throw why
    }
    for (const source of [broken, thrower]) {
      const { code, cause } = await errorOf(upstream.request(post(source)))
      expect([code, cause]).toEqual(['ABORTED', why])
    }
    await until(() => server.sockets.size === 0, 'no connection')
  })
  it('of 100 MB waits for a server that does not read, and takes no memory', async () => {
    let bytes = 0
    let written = 0
    let held = 0
    let ended = false
    const { upstream, server } = await lab.connectedTo(({ socket }, text) => {
      bytes += text.length
      held = Math.max(held, written - bytes)
      if (bytes > 100 * MEGABYTE) socket.write(OK)
    })
    async function* parts() {
      for (; written < 100 * MEGABYTE; written += PIECE.length) yield PIECE
      ended = true
    }
    const reply = upstream.request(post(sourceOf(parts())))
    await until(() => server.sockets.size === 1, 'a connection')
    const [socket] = server.sockets
    socket?.pause()
    let before = -1
    await until(async () => {
      const stands = written > 0 && written === before
      before = written
      await new Promise((resolve) => setTimeout(resolve, 100))
      return stands
    }, 'a body that stands still')
    expect(ended).toBe(false)
    expect(written).toBeLessThan(HELD_BYTES_MAX)
    socket?.resume()
    expect((await reply).status).toBe(200)
    expect(held).toBeLessThan(HELD_BYTES_MAX)
  })
  it('is no longer wanted once the answer is whole, and the connection goes', async () => {
    const { upstream, server } = await lab.connectedTo(({ socket }, text) => {
      if (text.startsWith('POST'))
        socket.write('HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n')
      else socket.write(OK)
    })
    const source = new TestSource()
    expect((await upstream.request(post(source))).status).toBe(413)
    expect(source.cancelled).toBe(1)
    expect(source.sink?.write(Buffer.from('x'))).toBe(false)
    source.sink?.end()
    source.sink?.fail(new Error('too late'))
    expect((await upstream.request(ask())).status).toBe(200)
    expect(server.connections).toBe(2)
  })
  it('may go on while its answer comes', async () => {
    const { upstream } = await lab.connectedTo(({ socket }, text) => {
      if (text.startsWith('POST'))
        socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
      else if (text.startsWith('0\r\n')) socket.write('0\r\n\r\n')
      else socket.write(text)
    })
    const source = new TestSource()
    const { heard, done } = hear(upstream, post(source))
    await until(() => heard.length === 1, 'the head')
    for (const word of ['one', 'two', 'three']) {
      source.sink?.write(Buffer.from(word))
      await until(() => String(heard[1]?.[1]).endsWith(word), word)
    }
    source.sink?.end()
    expect((await done).at(-1)).toEqual(['end', undefined])
    expect(source.cancelled).toBe(0)
  })
})

it('an answer of 100 MB waits for who takes it, and takes no memory', async () => {
  let sent = 0
  const { upstream, server } = await lab.connectedTo(({ socket }) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${100 * MEGABYTE}\r\n\r\n`)
    const more = (): void => {
      while (sent < 100 * MEGABYTE) {
        sent += PIECE.length
        if (!socket.write(PIECE)) return void socket.once('drain', more)
      }
    }
    more()
  })
  let bytes = 0
  let calls = 0
  let go = (): void => undefined
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  upstream.stream(ask(), {
    head: (_status, _headers, resume) => {
      go = resume
      return false
    },
    data: (chunk) => {
      bytes += chunk.length
      return ++calls % 50 !== 0
    },
    end: () => resolve(),
    error: reject,
  })
  let before = -1
  await until(async () => {
    const stands = sent > 0 && sent === before
    before = sent
    await new Promise((stop) => setTimeout(stop, 100))
    return stands
  }, 'an answer that stands still')
  expect(bytes).toBe(0)
  expect(sent).toBeLessThan(HELD_BYTES_MAX)
  const kept = calls
  await new Promise((stop) => setImmediate(stop))
  expect(calls).toBe(kept)
  const pump = setInterval(() => {
    expect(sent - bytes).toBeLessThan(HELD_BYTES_MAX)
    go()
  }, 0)
  await promise.finally(() => clearInterval(pump))
  expect(bytes).toBe(100 * MEGABYTE)
  expect(server.connections).toBe(1)
})
it('who has an answer no more lets none flow that another holds back', async () => {
  const { upstream } = await lab.connectedTo(({ socket }) => void socket.write(OK), {
    connectionsMax: 1,
  })
  const heard: string[] = []
  const hold = (name: string): Promise<() => void> =>
    new Promise((resolve, reject) => {
      upstream.stream(ask(), {
        head: (_status, _headers, resume) => {
          resolve(resume)
          return false
        },
        data: () => heard.push(name) > 0,
        end: () => heard.push(`${name} ends`),
        error: reject,
      })
    })
  const first = await hold('first')
  first()
  const second = await hold('second')
  expect(heard).toEqual(['first', 'first ends'])
  first()
  expect(heard).toHaveLength(2)
  second()
  await until(() => heard.length === 4, 'the end of the second')
})
