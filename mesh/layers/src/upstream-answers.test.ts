import { setImmediate as turn } from 'node:timers/promises'
import { until } from '@countersign/ground/testkit'
import fc from 'fast-check'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Client } from './testing/raw-server.ts'
import { ask, errorOf, hear, UpstreamLab } from './testing/upstream-lab.ts'
import type { Upstream } from './upstream.ts'
import { UpstreamError } from './upstream-error.ts'

let lab: UpstreamLab
beforeAll(async () => {
  lab = await UpstreamLab.create()
})
afterEach(() => lab.cleanUp())

const CHUNKED = 'Transfer-Encoding: chunked\r\n\r\n'
const WELL_FORMED: readonly (readonly [name: string, bytes: string, heard: unknown[]])[] = [
  [
    'a length',
    'HTTP/1.1 200 OK\r\nX-A:  a \xe4\r\nContent-Length: 5\r\n\r\nhello',
    [
      ['head', 200, ['X-A', 'a \xe4', 'Content-Length', '5']],
      ['data', 'hello'],
      ['end', undefined],
    ],
  ],
  [
    'chunks, extensions and trailers',
    `HTTP/1.1 201 Created\r\n${CHUNKED}3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nX-Sum: 1\r\nX-End: y\r\n\r\n`,
    [
      ['head', 201, ['Transfer-Encoding', 'chunked']],
      ['data', 'hello'],
      ['end', ['X-Sum', '1', 'X-End', 'y']],
    ],
  ],
  [
    'interim answers before it',
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n',
    [
      ['interim', 100, []],
      ['interim', 103, ['Link', '</a>']],
      ['head', 204, []],
      ['end', undefined],
    ],
  ],
  [
    'no body in spite of a length',
    'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n',
    [
      ['head', 304, ['Content-Length', '5']],
      ['end', undefined],
    ],
  ],
]

describe('an answer that comes in pieces', () => {
  /** The path tells which answer, and where it is cut. */
  async function torn(client: Client, text: string): Promise<void> {
    const [which = 0, ...cuts] = /\/([\d,]*) /.exec(text)?.[1]?.split(',').map(Number) ?? []
    const bytes = WELL_FORMED[which]?.[1] ?? ''
    let from = 0
    for (const to of [...cuts, bytes.length]) {
      client.socket.write(bytes.slice(from, to), 'latin1')
      from = to
      await turn()
    }
  }
  it('is the same wherever it is cut in two', async () => {
    const { upstream, server } = await lab.connectedTo((client, text) => void torn(client, text))
    for (const [which, [name, bytes, heard]] of WELL_FORMED.entries())
      for (let cut = 1; cut < bytes.length; cut++)
        expect(await hear(upstream, ask(`/${which},${cut}`)).done, `${name} at ${cut}`).toEqual(
          heard,
        )
    expect(server.connections).toBe(1)
  })
  it('is the same in any pieces, down to single bytes', async () => {
    const { upstream } = await lab.connectedTo((client, text) => void torn(client, text))
    const cut = fc.integer({ min: 0, max: WELL_FORMED.length - 1 }).chain((which) => {
      const at = fc.integer({ min: 1, max: (WELL_FORMED[which]?.[1].length ?? 2) - 1 })
      return fc.tuple(fc.constant(which), fc.uniqueArray(at, { maxLength: 30 }))
    })
    await fc.assert(
      fc.asyncProperty(cut, async ([which, cuts]) => {
        const path = `/${[which, ...cuts.sort((a, b) => a - b)].join(',')}`
        expect(await hear(upstream, ask(path)).done).toEqual(WELL_FORMED[which]?.[2])
      }),
      { numRuns: 60 },
    )
    for (const [which, [, bytes, heard]] of WELL_FORMED.entries()) {
      const everywhere = Array.from({ length: bytes.length - 1 }, (_, i) => i + 1)
      expect(await hear(upstream, ask(`/${[which, ...everywhere].join(',')}`)).done).toEqual(heard)
    }
  })
})

const MALFORMED: readonly (readonly [name: string, bytes: string])[] = [
  ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx'],
  ['a length and chunks', `HTTP/1.1 200 OK\r\nContent-Length: 1\r\n${CHUNKED}0\r\n\r\n`],
  ['an unknown coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n'],
  ['a length that is none', 'HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx'],
  ['a folded header', 'HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n'],
  ['bare line feeds', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n'],
  ['a head over the bound', `HTTP/1.1 200 OK\r\nA: ${'a'.repeat(40_000)}\r\n\r\n`],
  ['too many headers', `HTTP/1.1 200 OK\r\n${'A: a\r\n'.repeat(300)}\r\n`],
  ['too many interim answers', 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(17)],
  ['a 101 that nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n'],
]
it('an answer that is malformed, ambiguous or too large in its head is not heard, and ends the connection', async () => {
  const { upstream, server } = await lab.connectedTo(({ socket }, text) => {
    socket.write(MALFORMED[Number(/\/(\d+) /.exec(text)?.[1])]?.[1] ?? '', 'latin1')
  })
  for (const [which, [name]] of MALFORMED.entries()) {
    const heard = await hear(upstream, ask(`/${which}`)).done
    const final = heard.filter(([what]) => what !== 'interim')
    expect(final, name).toEqual([['error', 'ANSWER_MALFORMED', true, false]])
    await until(() => server.sockets.size === 0, `no connection after ${name}`)
  }
  expect(upstream.inFlight).toBe(0)
})
/** Asks again where the server has hung up meanwhile: that is no answer, and nobody else's. */
async function ownAnswer(upstream: Upstream): Promise<string> {
  for (;;) {
    const reply = await upstream.request(ask('/own')).catch((error: UpstreamError) => error)
    if (!(reply instanceof UpstreamError)) return String(reply.body)
    expect([reply.code, reply.answered]).toEqual(['CONNECTION_LOST', false])
  }
}
it('whatever bytes come, each request hears one end, and the next one gets its own answer', async () => {
  const answers: Buffer[] = []
  const { upstream } = await lab.connectedTo(({ socket }, text) => {
    const answer = answers[Number(/\/(\d+) /.exec(text)?.[1])]
    if (answer === undefined) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine')
    else socket.end(answer)
  })
  const seed = fc.constantFrom(
    ...WELL_FORMED,
    ...MALFORMED.filter(([, { length }]) => length < 500),
  )
  const bytes = fc
    .tuple(seed, fc.nat(500), fc.nat(3), fc.uint8Array({ maxLength: 8 }))
    .map(([[, text], at, cut, inserted]) => {
      const all = Buffer.from(text, 'latin1')
      const from = at % all.length
      return Buffer.concat([all.subarray(0, from), inserted, all.subarray(from + cut)])
    })
  await fc.assert(
    fc.asyncProperty(bytes, async (answer) => {
      answers.push(answer)
      const heard = await hear(upstream, ask(`/${answers.length - 1}`)).done
      const ends = heard.filter(([what]) => what === 'end' || what === 'error')
      expect(ends).toEqual([heard.at(-1)])
      expect(await ownAnswer(upstream)).toBe('mine')
      expect(upstream.inFlight).toBe(0)
    }),
    { numRuns: 100 },
  )
})
it('chunks that are broken end the answer with an error', async () => {
  const { upstream, server } = await lab.connectedTo(({ socket }) => {
    socket.write(`HTTP/1.1 200 OK\r\n${CHUNKED}2\r\nabc\r\n0\r\n\r\n`)
  })
  const heard = await hear(upstream, ask()).done
  expect(heard.at(-1)).toEqual(['error', 'ANSWER_MALFORMED', true, true])
  await until(() => server.sockets.size === 0, 'no connection')
})

describe('bytes that no request asked for', () => {
  const GOOD = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood'
  const EVIL = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'
  /** What is written behind it comes in the same segment, but is decrypted by itself: TLS cuts at 16 KiB. */
  function aRecordOf(answer: string): string {
    const [first = '', ...rest] = answer.split('\r\n')
    const padding = 16_384 - answer.length - 'X-Padding: \r\n'.length
    return [first, `X-Padding: ${'x'.repeat(padding)}`, ...rest].join('\r\n')
  }
  const bodyOf = async (upstream: Upstream) => String((await upstream.request(ask())).body)

  it.each([
    ['behind an answer', GOOD],
    ['behind an answer, in a record of their own', aRecordOf(GOOD)],
    ['behind the last chunk', `HTTP/1.1 200 OK\r\n${CHUNKED}4\r\ngood\r\n0\r\n\r\n`],
    [
      'behind the last chunk, in a record of their own',
      aRecordOf(`HTTP/1.1 200 OK\r\n${CHUNKED}4\r\ngood\r\n0\r\n\r\n`),
    ],
    ['of a body that may not be', 'HTTP/1.1 304 Not Modified\r\n\r\n'],
  ])('%s are no answer to the next one', async (_, answer) => {
    const { upstream, server } = await lab.connectedTo(
      ({ socket, number }) => {
        socket.write(number === 1 ? answer + EVIL : GOOD)
      },
      { connectionsMax: 1 },
    )
    const all = [1, 2, 3, 4].map(() => bodyOf(upstream))
    const [first, ...others] = await Promise.all(all)
    expect(['good', '']).toContain(first)
    expect(others).toEqual(['good', 'good', 'good'])
    expect(server.connections).toBe(2)
  })
  it('are none for a request that waits for the end of its turn, and may be sent elsewhere', async () => {
    const { upstream, server } = await lab.connectedTo(({ socket }) => void socket.write(GOOD))
    expect(await bodyOf(upstream)).toBe('good')
    await until(() => upstream.inFlight === 0, 'an idle connection')
    // In the check phase: what is there by then is read before the request leaves.
    await turn()
    const [idle] = server.sockets
    idle?.write(EVIL)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50)
    const { code, sent } = await errorOf(upstream.request(ask()))
    expect([code, sent]).toEqual(['CONNECTION_LOST', false])
    expect(await bodyOf(upstream)).toBe('good')
    expect(server.connections).toBe(2)
  })
  it('on an idle connection end it', async () => {
    const { upstream, server } = await lab.connectedTo(({ socket }) => void socket.write(GOOD))
    expect(await bodyOf(upstream)).toBe('good')
    const [idle] = server.sockets
    idle?.write(EVIL)
    await until(() => server.sockets.size === 0, 'no connection')
    expect(await bodyOf(upstream)).toBe('good')
    expect(server.connections).toBe(2)
    expect(lab.lines.join('')).toMatch(/"log.level":"warn".*nobody had asked for/)
  })
  it('on a connection that has not been used yet end it', async () => {
    const { upstream, server } = await lab.connectedTo(({ socket }) => void socket.write(GOOD), {
      preconnect: 2,
    })
    await until(() => server.sockets.size === 2, 'two connections before any request')
    for (const socket of server.sockets) socket.write(EVIL)
    await until(() => server.sockets.size === 0, 'no connection')
    expect(await bodyOf(upstream)).toBe('good')
  })
})

describe('a connection is not used again', () => {
  it.each([
    ['says close', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'],
    ['is HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok'],
    [
      'is kept for no time',
      'HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nok',
    ],
  ])('when the answer %s', async (_, answer) => {
    const { upstream, server } = await lab.connectedTo(({ socket }) => void socket.write(answer))
    for (const number of [1, 2, 3]) {
      expect(String((await upstream.request(ask())).body)).toBe('ok')
      expect(server.connections).toBe(number)
    }
    await until(() => server.sockets.size === 0, 'no connection')
  })
  it('when its end is the end of the answer', async () => {
    const { upstream, server } = await lab.connectedTo(({ socket }, text) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\nhel')
      if (text.includes('/broken')) socket.destroy()
      else setImmediate(() => socket.end('lo'))
    })
    expect(String((await upstream.request(ask())).body)).toBe('hello')
    expect(String((await upstream.request(ask())).body)).toBe('hello')
    expect(server.connections).toBe(2)
  })
})

it('an idle connection that dies under a request tells that the request may have arrived', async () => {
  let requests = 0
  const { upstream } = await lab.connectedTo(({ socket }) => {
    if (++requests === 1) socket.write('HTTP/1.1 204 No Content\r\n\r\n')
    else socket.destroy()
  })
  await upstream.request(ask())
  const { code, sent, answered } = await errorOf(upstream.request(ask()))
  expect([code, sent, answered]).toEqual(['CONNECTION_LOST', true, false])
})

it('a connection that goes down fails who waits for it, after few attempts', async () => {
  const { upstream, server } = await lab.connectedTo(() => undefined, { connectionsMax: 4 })
  await server.close()
  const errors = await Promise.all(
    Array.from({ length: 500 }, () => errorOf(upstream.request(ask()))),
  )
  expect(new Set(errors.map(({ code, sent }) => `${code} ${sent}`))).toEqual(
    new Set(['CONNECT_FAILED false']),
  )
  expect(upstream.inFlight).toBe(0)
})
