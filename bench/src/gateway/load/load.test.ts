import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import { workloadId } from '@countersign/contract'
import { temporaryFolder } from '@countersign/ground/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { canCompile, compile } from '../build.ts'
import { assertClean, Load } from '../load.ts'
import { SERVICE, TRUST_DOMAIN, writePki } from '../pki.ts'

/* What the load generator says of answers that it must not take for good ones: every figure rests on it. */
const folder = temporaryFolder()
const BODY = 'x'.repeat(100)
const good: RequestListener = (_request, response) => {
  response.writeHead(200, { 'content-length': BODY.length })
  response.end(BODY)
}
let answer = good
let server: Server
let port = 0
let program = ''
const seen: string[] = []

describe.skipIf(!canCompile())('the load generator', () => {
  beforeAll(async () => {
    await writePki(folder.path)
    program = compile('load', folder.path)
    const read = (name: string): Buffer => readFileSync(join(folder.path, name))
    server = createServer({ key: read('upstream.key'), cert: read('upstream.pem') }, (...pair) => {
      seen.push(pair[0].headers.authorization ?? '')
      answer(...pair)
    })
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    const address = server.address()
    port = typeof address === 'object' && address !== null ? address.port : 0
    writeFileSync(join(folder.path, 'tokens'), 'a\nb\nc\n')
  })
  afterAll(() => {
    server?.close()
    server?.closeAllConnections()
    folder[Symbol.dispose]()
  })

  const start = async (peer = 'localhost', connections = 2): Promise<Load> => {
    answer = good
    seen.length = 0
    const load = await Load.start({
      ...{ program, work: folder.path, port, connections, path: '/', bodyBytes: BODY.length },
      ...{ ca: join(folder.path, 'ca.pem'), peer },
    })
    await load.tokens(join(folder.path, 'tokens'))
    return load
  }

  test('counts good answers, and sends its tokens in turn', async () => {
    const load = await start('localhost', 1)
    const report = await load.run({ rate: 0, requests: 5, wrap: true })
    assertClean('the run', report)
    expect(report.done).toBe(5)
    expect(seen).toEqual(['a', 'b', 'c', 'a', 'b'].map((token) => `Bearer ${token}`))
    await load.close()
  })
  test('sends no token twice where each has to be new', async () => {
    const load = await start()
    const report = await load.run({ rate: 500, seconds: 1, wrap: false })
    expect(report.done).toBe(3)
    expect([...seen].sort()).toEqual(['Bearer a', 'Bearer b', 'Bearer c'])
    await load.close()
  })
  test('proves a workload by its SPIFFE id', async () => {
    const load = await start(workloadId(TRUST_DOMAIN, SERVICE))
    expect((await load.run({ rate: 0, requests: 4, wrap: true })).done).toBe(4)
    await load.close()
  })
  test.each([
    ['of another name', 'elsewhere.example'],
    ['of another SPIFFE id', workloadId(TRUST_DOMAIN, 'payment')],
  ])('sends nothing to a server %s', async (_, peer) => {
    const load = await start(peer)
    await expect(load.run({ rate: 0, requests: 1, wrap: true })).rejects.toThrow('load: ')
    expect(seen).toEqual([])
  })

  test.each<[string, RequestListener, string]>([
    ['another status', (_, r) => r.writeHead(503, { 'content-length': 100 }).end(BODY), 'status'],
    ['a shorter body', (_, r) => r.writeHead(200, { 'content-length': 2 }).end('no'), 'length'],
    ['a body without a length', (_, r) => r.writeHead(200).end(BODY), 'framing'],
    ['no answer and a close', (request) => request.socket.destroy(), 'closed'],
  ])('%s is an error', async (_, listener, kind) => {
    const load = await start()
    answer = listener
    const report = await load.run({ rate: 0, requests: 2, wrap: true })
    expect(report.errors[kind]).toBe(2)
    expect(() => assertClean('the run', report)).toThrow(`2 × ${kind}`)
    await load.close()
  })

  test('a connection that ends between requests is opened again where that is asked for', async () => {
    const load = await start('localhost', 2)
    answer = (_request, response) => {
      response.writeHead(200, { 'content-length': BODY.length, connection: 'close' }).end(BODY)
    }
    const told = await load.run({ rate: 0, requests: 6, wrap: true, again: true })
    assertClean('told that they end', told)
    expect(told.opened).toBe(6)
    answer = (request, response) => {
      good(request, response)
      response.once('finish', () => setTimeout(() => request.socket.end(), 5))
    }
    const silent = await load.run({ rate: 20, requests: 6, wrap: true, again: true })
    assertClean('ended while idle', silent)
    expect(silent.opened).toBeGreaterThan(2)
    answer = (request) => request.socket.destroy()
    const lost = await load.run({ rate: 0, requests: 3, wrap: true, again: true })
    expect(lost.errors.closed).toBe(3)
    await load.close()
  })

  test('latency counts from when a request was due, not from when it could be sent', async () => {
    const load = await start('localhost', 1)
    answer = (request, response) => void setTimeout(() => good(request, response), 5)
    const report = await load.run({ rate: 1_000, requests: 100, wrap: true })
    assertClean('the run', report)
    // Request 50 was due at 50 ms, and could not be answered before 5 × 51 ms.
    expect(report.p50Ms).toBeGreaterThan(150)
    await load.close()
  })
})
