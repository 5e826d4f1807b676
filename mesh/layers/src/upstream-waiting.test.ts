import { until } from '@countersign/ground/testkit'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Client } from './testing/raw-server.ts'
import { ask, errorOf, hear, UpstreamLab } from './testing/upstream-lab.ts'
import type { UpstreamError } from './upstream-error.ts'

let lab: UpstreamLab
beforeAll(async () => {
  lab = await UpstreamLab.create()
})
afterEach(() => lab.cleanUp())

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

describe('requests that wait', () => {
  it.each([1, 3])('get their answers, a thousand over %i connections', async (connectionsMax) => {
    const paths: string[] = []
    const { upstream, server } = await lab.connectedTo(
      ({ socket }, text) => {
        const path = text.split(' ')[1] ?? ''
        paths.push(path)
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`)
      },
      { connectionsMax },
    )
    const wanted = Array.from({ length: 1_000 }, (_, i) => `/${i}`)
    const replies = await Promise.all(wanted.map((path) => upstream.request(ask(path))))
    expect(replies.map(({ body }) => String(body))).toEqual(wanted)
    expect(server.connections).toBe(connectionsMax)
    if (connectionsMax === 1) expect(paths).toEqual(wanted)
  })
  it('leave as few connections in use as will do', async () => {
    const used: number[] = []
    const { upstream, server } = await lab.connectedTo(
      ({ socket, number }) => {
        used.push(number)
        socket.write(OK)
      },
      { preconnect: 3 },
    )
    await until(() => server.connections === 3, 'three connections')
    for (let i = 0; i < 20; i++) {
      await upstream.request(ask())
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(new Set(used.slice(1)).size).toBe(1)
  })
  it('end at their deadline without being sent, and others go on', async () => {
    const held: Client[] = []
    const { upstream } = await lab.connectedTo(
      (client, text) => {
        if (text.includes('/held')) held.push(client)
        else client.socket.write(OK)
      },
      { connectionsMax: 1 },
    )
    expect(upstream.waitedMs(performance.now())).toBe(0)
    const first = upstream.request(ask('/held'))
    await until(() => held.length === 1, 'a request that is held')
    expect(upstream.waitedMs(performance.now())).toBe(0)
    const late = errorOf(upstream.request(ask('/late', { timeoutMs: 50 })))
    const last = upstream.request(ask('/last'))
    expect(upstream.waitedMs(performance.now() + 1_000)).toBeGreaterThan(999)
    const { code, sent } = await late
    expect([code, sent, upstream.inFlight]).toEqual(['TIMEOUT', false, 2])
    held[0]?.socket.write(OK)
    expect([(await first).status, (await last).status]).toEqual([200, 200])
  })
})

describe('a caller who gives up', () => {
  const aborted = (sent: boolean, answered: boolean) => [['error', 'ABORTED', sent, answered]]
  it('while a connection is made, or waits for one, is told that nothing was sent', async () => {
    const seen: string[] = []
    const { upstream } = await lab.connectedTo(
      ({ socket }, text) => {
        seen.push(text.split(' ')[1] ?? '')
        if (text.includes('/last')) socket.write(OK)
      },
      { connectionsMax: 1 },
    )
    const connecting = hear(upstream, ask('/connecting'))
    connecting.cancel()
    const running = hear(upstream, ask('/running'))
    const waiting = [1, 2, 3].map(() => hear(upstream, ask('/waiting')))
    const last = upstream.request(ask('/last'))
    await until(() => seen.length === 1, 'a request under way')
    for (const { cancel } of [waiting[1], waiting[0], waiting[2]].filter((each) => !!each)) cancel()
    expect(connecting.heard).toEqual(aborted(false, false))
    for (const { heard } of waiting) expect(heard).toEqual(aborted(false, false))
    expect(upstream.inFlight).toBe(2)
    running.cancel()
    expect(running.heard).toEqual(aborted(true, false))
    expect((await last).status).toBe(200)
    expect(seen).toEqual(['/running', '/last'])
  })
  it('amid an answer, even one that is held back, loses the connection', async () => {
    const { upstream, server } = await lab.connectedTo(({ socket }) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nsome')
    })
    const amid = hear(upstream, ask())
    await until(() => amid.heard.length === 2, 'a part')
    amid.cancel()
    amid.cancel()
    expect(amid.heard.slice(2)).toEqual(aborted(true, true))
    await until(() => server.sockets.size === 0, 'no connection')

    const errors: UpstreamError[] = []
    let paused = false
    const cancel = upstream.stream(ask(), {
      head: () => {
        paused = true
        return false
      },
      data: () => expect.unreachable('nothing was asked for'),
      end: () => expect.unreachable('it was given up'),
      error: (error) => errors.push(error),
    })
    await until(() => paused, 'a head')
    cancel()
    expect(errors.map(({ code }) => code)).toEqual(['ABORTED'])
    await until(() => server.sockets.size === 0, 'no connection')
    expect(upstream.inFlight).toBe(0)
  })
  it('from within the answer hears nothing more', async () => {
    const { upstream } = await lab.connectedTo(({ socket }) => void socket.write(OK))
    const heard: string[] = []
    const cancel = upstream.stream(ask(), {
      head: () => {
        heard.push('head')
        cancel()
        return true
      },
      data: () => heard.push('data') > 0,
      end: () => heard.push('end'),
      error: ({ code }) => heard.push(code),
    })
    await until(() => heard.length === 2, 'an end')
    expect((await upstream.request(ask())).status).toBe(200)
    expect(heard).toEqual(['head', 'ABORTED'])
  })
  it('after the end changes nothing', async () => {
    const { upstream, server } = await lab.connectedTo(({ socket }) => void socket.write(OK))
    const { done, cancel } = hear(upstream, ask())
    expect((await done).at(-1)).toEqual(['end', undefined])
    cancel()
    await upstream.request(ask())
    expect([(await done).length, server.connections]).toEqual([3, 1])
  })
})

it('a receiver that throws loses its connection, and is told so', async () => {
  const { upstream, server } = await lab.connectedTo(({ socket }) => void socket.write(OK))
  const error = await new Promise<UpstreamError>((resolve) => {
    upstream.stream(ask(), {
      head: () => {
        throw new Error('a fault of ours')
      },
      data: () => true,
      end: () => undefined,
      error: resolve,
    })
  })
  expect(error.message).toBe('a fault of ours')
  await until(() => server.sockets.size === 0, 'no connection')
})
