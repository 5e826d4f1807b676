import type { Socket } from 'node:net'
import { until } from '@countersign/ground/testkit'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ask, hear, UpstreamLab } from './testing/upstream-lab.ts'
import type { BodySource } from './upstream-body.ts'

let lab: UpstreamLab
beforeAll(async () => {
  lab = await UpstreamLab.create()
})
afterEach(() => lab.cleanUp())

const HEAD = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
const PART = '4\r\npart\r\n'

describe('an answer that goes on', () => {
  it('is not cut while parts of it come, and is where they do not', async () => {
    let socket: Socket | undefined
    const { upstream } = await lab.connectedTo((client) => {
      socket = client.socket
      socket.write(HEAD)
    })
    const { heard, done } = hear(upstream, ask('/', { timeoutMs: 2_000, stallMs: 5_000 }))
    const body = (): string => String(heard[1]?.[1] ?? '')
    await until(() => heard.length === 1, 'the head')
    const started = performance.now()
    // Longer than all of it might take without that.
    while (performance.now() < started + 2_500) {
      const before = body().length
      socket?.write(PART)
      await until(() => body().length > before, 'the part has come')
    }
    expect((await done).at(-1)).toEqual(['error', 'TIMEOUT', true, true])
  })
  it('is not waited for while its receiver holds it back', async () => {
    let socket: Socket | undefined
    const { upstream } = await lab.connectedTo((client) => {
      socket = client.socket
      socket.write(`${HEAD}${PART}`)
    })
    let resume: () => void = () => {}
    const got: string[] = []
    upstream.stream(ask('/', { timeoutMs: 15_000, stallMs: 1_000 }), {
      head: (_status, _headers, goOn) => {
        resume = goOn
        return true
      },
      data: (chunk) => {
        got.push(String(chunk))
        return false
      },
      end: () => got.push('end'),
      error: ({ code }) => got.push(code),
    })
    await until(() => got.length === 1, 'the first part')
    await new Promise((resolve) => setTimeout(resolve, 1_800))
    expect(got).toEqual(['part'])
    socket?.write('0\r\n\r\n')
    resume()
    await until(() => got.length === 2, 'the end')
    expect(got).toEqual(['part', 'end'])
  })
  it('has all its time for the head', async () => {
    const { upstream } = await lab.connectedTo(() => {})
    const { done } = hear(upstream, ask('/', { timeoutMs: 200, stallMs: 60_000 }))
    expect(await done).toEqual([['error', 'TIMEOUT', true, false]])
  })
})

describe('a body that comes in parts', () => {
  it('waits for a service that takes nothing of it, and not for as long as for an answer', async () => {
    const { upstream } = await lab.connectedTo(({ socket }) => socket.pause())
    let written = 0
    const chunk = Buffer.alloc(256 * 1024)
    let pump = (): void => {}
    const body: BodySource = {
      start: (sink) => {
        pump = () => {
          do written += chunk.length
          while (sink.write(chunk))
        }
        pump()
      },
      resume: () => pump(),
      cancel: () => {},
    }
    const sent = ask('/', { method: 'POST', body, timeoutMs: 600_000, writeMs: 300 })
    const { done } = hear(upstream, sent)
    expect((await done).at(-1)).toEqual(['error', 'TIMEOUT', true, false])
    expect(written).toBeGreaterThan(chunk.length)
  })
})
