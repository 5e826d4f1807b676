import { once } from 'node:events'
import { until } from '@countersign/ground/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { bodiesOf, get, last, ServedDoor, turn } from '../testing/served-door.ts'

/* One connection of the door, with nothing behind it: answers, and what changes hands. */
let door: ServedDoor
beforeAll(async () => {
  door = await ServedDoor.start()
})
afterAll(() => door.small.door.close())
beforeEach(() => door.reset())

describe('an answer', () => {
  it('leaves in one piece, head and all, with what the door says', async () => {
    const socket = await door.connect()
    socket.write(get('/'))
    const [piece] = (await once(socket, 'data')) as [Buffer]
    expect(piece.toString('latin1')).toMatch(
      /^HTTP\/1\.1 200 OK\r\ndate: .* GMT\r\nconnection: keep-alive\r\nkeep-alive: timeout=75\r\ncontent-length: 2\r\n\r\nok$/,
    )
    socket.destroy()
  })
  it('comes in the order of the requests, whenever it is made', async () => {
    door.serve = () => {
      if (door.served.length < 3) return
      door.served[2]?.reply.send(200, [], Buffer.from('three'))
      door.served[1]?.reply.head(200, [])
      door.served[1]?.reply.write(Buffer.from('two'))
      door.served[1]?.reply.end()
      door.served[0]?.reply.send(200, ['x-a', 'b'], Buffer.from('one'))
    }
    const text = await door.talk(get('/1') + get('/2') + last('/3'))
    expect(bodiesOf(text)).toEqual(['one', '3\r\ntwo\r\n0\r\n\r\n', 'three'])
  })
  it('in pieces is chunked, or as long as it says, or ends with the connection', async () => {
    door.serve = ({ request, reply }) => {
      reply.head(200, request.target === '/long' ? ['Content-Length', '4'] : [])
      reply.write(Buffer.from('ab'))
      reply.end(Buffer.from('cd'))
    }
    const text = await door.talk(get('/chunked') + last('/long'))
    expect(bodiesOf(text)).toEqual(['2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n', 'abcd'])
    const old = await door.talk('GET /old HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n')
    expect(bodiesOf(old)).toEqual(['abcd'])
    expect(old).toContain('connection: close')
    expect(old).not.toContain('transfer-encoding')
  })
  it('has no body where there can be none', async () => {
    door.serve = ({ request, reply }) =>
      reply.send(request.target === '/304' ? 304 : 200, [], Buffer.from('body'))
    const text = await door.talk(`HEAD / HTTP/1.1\r\nHost: h\r\n\r\n${get('/304')}${last('/')}`)
    expect(bodiesOf(text)).toEqual(['', '', 'body'])
  })
  it('that is longer or shorter than it says breaks the connection off', async () => {
    door.serve = ({ reply }) => {
      reply.head(200, ['content-length', '3'])
      reply.write(Buffer.from('ab'))
      reply.end()
    }
    expect(await door.talk(get('/') + get('/2'))).not.toContain('ab\r\n')
    expect(door.served.at(-1)?.reply.destroyed).toBe(true)
    door.serve = ({ reply }) => {
      reply.head(200, ['content-length', '1'])
      reply.write(Buffer.from('ab'))
    }
    expect(await door.talk(get('/'))).not.toContain('ab')
  })
  it.each<[string, string[]]>([
    ['a line end', ['x', 'a\r\nb: c']],
    ['what would become a line end', ['x', 'a\u010d\u010ab: c']],
    ['a name that is none', ['x y', 'a']],
    ['a connection of its own', ['Connection', 'close']],
    ['a coding of its own', ['Transfer-Encoding', 'chunked']],
    ['two lengths', ['content-length', '2', 'Content-Length', '2']],
    ['a wrong length', ['content-length', '3']],
  ])('with %s is not written', async (_what, headers) => {
    door.serve = ({ reply }) => {
      expect(() => reply.send(200, headers, Buffer.from('ok'))).toThrow(TypeError)
      reply.send(500, [], undefined)
    }
    expect(await door.talk(last('/'))).toMatch(/^HTTP\/1\.1 500 /)
  })
  it('is told of: that it left, or that nobody takes it', async () => {
    const told: boolean[] = []
    door.serve = ({ reply }) => {
      reply.listen({ drained: () => {}, closed: (whole) => void told.push(whole) })
      if (door.served.length === 1) reply.send(200, [], undefined)
    }
    const socket = await door.connect()
    socket.write(get('/') + get('/never'))
    await until(() => told.length === 1, 'the first answer left')
    socket.destroy()
    await until(() => told.length === 2, 'the second will not')
    expect(told).toEqual([true, false])
  })
  it('waits for a client that takes it slowly', async () => {
    let sent = 0
    const chunk = Buffer.alloc(64 * 1024)
    door.serve = ({ reply }) => {
      const pour = (): void => {
        while (sent < 512) {
          sent++
          if (!reply.write(chunk)) return
        }
        reply.end()
      }
      reply.listen({ drained: pour, closed: () => {} })
      reply.head(200, [])
      pour()
    }
    const socket = await door.connect()
    socket.pause()
    socket.write(last('/'))
    await until(() => sent > 0, 'it begins')
    let before = -1
    await until(async () => {
      const same = before === sent
      before = sent
      await turn()
      return same
    }, 'it is held back')
    expect(sent).toBeLessThan(512)
    socket.resume()
    await until(() => sent === 512, 'it goes on')
    socket.destroy()
  })
})

describe('a connection', () => {
  it('ends after an answer where the client asks for it, and what follows is no request', async () => {
    const text = await door.talk(last('/1') + get('/2'))
    expect(bodiesOf(text)).toEqual(['ok'])
    expect(text).toContain('connection: close')
    expect(door.targets).toEqual(['/1'])
  })
  it('of HTTP/1.0 stays only where that is asked for', async () => {
    const text = await door.talk('GET /1 HTTP/1.0\r\n\r\nGET /2 HTTP/1.0\r\n\r\n')
    expect(bodiesOf(text)).toEqual(['ok'])
    const socket = await door.connect()
    socket.write('GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /2 HTTP/1.1\r\n\r\n')
    await until(() => door.served.length === 3, 'two more requests')
    socket.destroy()
  })
  it('whose client has ended its side is given up', async () => {
    let gone = false
    door.serve = ({ reply }) =>
      reply.listen({
        drained: () => {},
        closed: (whole) => {
          gone = !whole
        },
      })
    const socket = await door.connect()
    socket.end(get('/'))
    await until(() => gone, 'the request is given up')
  })
  it('finds heads in pieces of one byte, however many', async () => {
    const socket = await door.connect()
    const head = get('/', `X: ${'a'.repeat(2_000)}`)
    for (const byte of head) socket.write(byte)
    await until(() => door.served.length === 1, 'the request')
    expect(door.served[0]?.request.header('x')?.length).toBe(2_000)
    socket.destroy()
  })
})

describe('a change of protocol', () => {
  const upgrade = get('/ws', 'Connection: Upgrade', 'Upgrade: websocket')
  it('gives the bytes under it, those that came before as well', async () => {
    door.serve = ({ request, reply }) => {
      expect(request.upgrade).toBe('websocket')
      const duplex = reply.tunnel(101, ['connection', 'Upgrade', 'upgrade', 'websocket'])
      duplex.on('data', (chunk: Buffer) => duplex.write(chunk.toString().toUpperCase()))
      duplex.resume()
    }
    const socket = await door.connect()
    const pieces: string[] = []
    socket.on('data', (chunk: Buffer) => pieces.push(chunk.toString()))
    socket.write(`${upgrade}early `)
    await until(() => pieces.join('').endsWith('EARLY '), 'what came with the head')
    socket.write('late')
    await until(() => pieces.join('').endsWith('EARLY LATE'), 'what came later')
    expect(pieces.join('')).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n/)
    socket.destroy()
  })
  it('takes what has the form of a request behind it for bytes of the other protocol', async () => {
    let agree = (): void => {}
    door.serve = ({ reply }) => {
      agree = () => {
        const duplex = reply.tunnel(101, ['connection', 'Upgrade', 'upgrade', 'websocket'])
        duplex.on('data', (chunk: Buffer) => duplex.write(chunk.toString().toUpperCase()))
        duplex.resume()
      }
    }
    const socket = await door.connect()
    const pieces: string[] = []
    socket.on('data', (chunk: Buffer) => pieces.push(chunk.toString()))
    socket.write(upgrade + get('/inner'))
    await until(() => door.served.length > 0, 'the request')
    await turn()
    expect(door.targets).toEqual(['/ws'])
    agree()
    await until(() => pieces.join('').includes('GET /INNER HTTP/1.1'), 'what came with it')
    expect(door.targets).toEqual(['/ws'])
    socket.destroy()
  })
  it('waits until all that was asked before is answered', async () => {
    door.serve = ({ request, reply }) => {
      if (request.upgrade === undefined)
        setImmediate(() => reply.send(200, [], Buffer.from('first')))
      else reply.send(400, [], Buffer.from('second'))
    }
    expect(bodiesOf(await door.talk(get('/') + upgrade + last('/')))).toEqual([
      'first',
      'second',
      'first',
    ])
  })
})
