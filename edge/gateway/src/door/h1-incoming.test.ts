import type { TLSSocket } from 'node:tls'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { bodiesOf, get, last, post, type Served, ServedDoor, turn } from '../testing/served-door.ts'

/* Bodies that come in at the door, with nothing behind it. */
let door: ServedDoor
beforeAll(async () => {
  door = await ServedDoor.start()
})
afterAll(() => door.small.door.close())
beforeEach(() => door.reset())

/** Collects a body. */
function collect({ request }: Served, then: (body: string, how: string) => void): void {
  let body = ''
  request.read({
    data: (chunk) => {
      body += chunk.toString('latin1')
    },
    end: () => then(body, 'end'),
    gone: (why) => then(body, why),
  })
}

describe('a body', () => {
  it('waits until it is read, and pauses when it is told to', async () => {
    const chunks: Buffer[] = []
    let over = false
    door.serve = ({ request, reply }) => {
      expect(request.complete).toBe(false)
      setImmediate(() =>
        request.read({
          data: (chunk) => {
            chunks.push(chunk)
            request.pause()
            setImmediate(() => request.resume())
          },
          end: () => {
            over = true
            reply.send(200, [], Buffer.from(String(Buffer.concat(chunks).length)))
          },
          gone: () => {},
        }),
      )
    }
    const body = `${'1\r\na\r\n'.repeat(50)}ff\r\n${'b'.repeat(255)}\r\n0\r\nX-Trailer: c\r\n\r\n`
    expect(bodiesOf(await door.talk(post('Transfer-Encoding: chunked') + body))).toEqual(['305'])
    expect(over).toBe(true)
  })
  it('that nobody reads holds the client back', async () => {
    door.serve = () => {}
    const socket = await door.connect()
    socket.on('error', () => {}).write(post('Content-Length: 50000000'))
    const chunk = Buffer.alloc(64 * 1024)
    let written = 0
    for (; written < 700 && socket.write(chunk); written++) await turn()
    while (written < 700 && (await drains(socket))) {
      socket.write(chunk)
      written++
    }
    // What lies in the buffers of both sides and the kernel's, and no more.
    expect(written * chunk.length).toBeLessThan(40_000_000)
    socket.destroy()
  })
  const drains = (socket: TLSSocket): Promise<boolean> =>
    new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), 500)
      socket.once('drain', () => {
        clearTimeout(timer)
        resolve(true)
      })
    })
  it('is asked for with 100 Continue, once, and in its turn', async () => {
    door.serve = (each) => {
      if (each.request.method === 'GET') {
        setImmediate(() => each.reply.send(200, [], Buffer.from('first')))
        return
      }
      each.reply.continue()
      each.reply.continue()
      collect(each, (body) => each.reply.send(200, [], Buffer.from(body)))
    }
    const text = await door.talk(
      `${get('/')}${post('Content-Length: 5', 'Expect: 100-continue')}hello`,
    )
    expect(text.match(/100 Continue/g)?.length).toBe(1)
    expect(text.indexOf('first')).toBeLessThan(text.indexOf('100 Continue'))
    expect(text.endsWith('\r\n\r\nhello')).toBe(true)
  })
  it.each([
    ['nonsense', 'nonsense\r\n', 400, 'REQUEST_INVALID'],
    ['a length in its trailers', '0\r\nContent-Length: 5\r\n\r\n', 400, 'REQUEST_INVALID'],
    ['a credential in its trailers', '0\r\nAuthorization: x\r\n\r\n', 400, 'REQUEST_INVALID'],
    ['a megabyte of extensions', `1;${'a'.repeat(1_000_000)}`, 413, 'BODY_TOO_LARGE'],
  ])('that goes on with %s is the end of it', async (_what, bytes, status, code) => {
    const how: string[] = []
    door.serve = (each) => collect(each, (_body, why) => void how.push(why))
    const text = await door.talk(`${post('Transfer-Encoding: chunked')}1\r\na\r\n${bytes}`)
    expect(text).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(door.small.refusals.at(-1)?.code).toBe(code)
    expect(how).toEqual(['broken'])
  })
  it('that is left over is read where it is small, and ends the connection where it is not', async () => {
    const small = `POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello${last('/2')}`
    expect(bodiesOf(await door.talk(small))).toEqual(['ok', 'ok'])
    const large = `POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n${get('/smuggled')}`
    const text = await door.talk(large)
    expect(bodiesOf(text)).toEqual(['ok'])
    expect(text).toContain('connection: close')
    expect(door.targets).toEqual(['/1', '/2', '/1'])
  })
})
