import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import type { ClientHttp2Session } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { until } from '@countersign/ground/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { askH2, openH2 } from './testing/h2-client.ts'
import { House, type Running } from './testing/house.ts'
import type { UpstreamServer } from './testing/upstream-server.ts'

/* The gateway as clients of HTTP/2 see it: the same hinges, the same refusals, the same records. */
const run = promisify(execFile)
let house: House
let order: UpstreamServer
let door: Running
let over: ClientHttp2Session
let folder: string
beforeAll(async () => {
  house = await House.build()
  order = await house.service('order-1')
  door = await house.gateway()
  over = openH2({ port: door.port, ca: house.pki.bundle })
  folder = await mkdtemp(join(tmpdir(), 'h2-'))
  writeFileSync(join(folder, 'ca.pem'), house.pki.bundle)
})
afterAll(async () => {
  over.destroy()
  await house.close()
  await rm(folder, { recursive: true, force: true })
})
const bearer = (): { authorization: string } => ({
  authorization: `Bearer ${house.tokens.token()}`,
})
const has = async (program: string): Promise<boolean> =>
  run(program, ['--version']).then(
    () => true,
    () => false,
  )

describe('over HTTP/2', () => {
  it('a request reaches the service as over HTTP/1.1', async () => {
    const answer = await askH2(
      over,
      {
        ...{ ':method': 'POST', ':path': '/orders?a=b', ...bearer(), cookie: ['a=1', 'b=2'] },
        ...{ 'x-user-id': 'root', 'x-forwarded-for': '6.6.6.6', te: 'trailers', 'x-plain': 'p' },
      },
      '{"n":1}',
    )
    expect([answer.status, JSON.parse(answer.body.toString())]).toEqual([200, { from: 'order-1' }])
    expect(answer.headers).toMatchObject({ 'x-request-id': expect.any(String) })
    const seen = order.seen.at(-1)
    expect([seen?.method, seen?.url, seen?.body]).toEqual(['POST', '/orders?a=b', '{"n":1}'])
    expect(seen?.headers).toMatchObject({
      ...{ cookie: 'a=1; b=2', 'x-plain': 'p', 'content-length': '7' },
      ...{ 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'https' },
      'x-forwarded-host': `localhost:${door.port}`,
    })
    for (const name of ['x-user-id', 'te', 'transfer-encoding'])
      expect(seen?.headers[name]).toBeUndefined()
  })
  it('refusals are the same, and on record', async () => {
    const asked: [Record<string, string>, number, string][] = [
      [{ ':path': '/orders' }, 401, 'TOKEN_MISSING'],
      [{ ':path': '/orders/1', ':method': 'DELETE', ...bearer() }, 403, 'ROLE_MISSING'],
      [{ ':path': '/nowhere' }, 404, 'ROUTE_UNKNOWN'],
      [{ ':path': '/orders', ':method': 'PATCH' }, 405, 'METHOD_NOT_ALLOWED'],
      [{ ':path': '/orders/%2e%2e/x' }, 400, 'REQUEST_INVALID'],
      [{ ':path': `/${'a'.repeat(9_000)}` }, 414, 'URI_TOO_LONG'],
      [{ ':path': '/orders', ':authority': 'elsewhere.test' }, 421, 'HOST_UNKNOWN'],
      [{ ':path': '/orders', ':authority': '127.0.0.1' }, 421, 'HOST_UNKNOWN'],
    ]
    for (const [headers, status, code] of asked) {
      const answer = await askH2(over, headers)
      expect([answer.status, JSON.parse(answer.body.toString())]).toMatchObject([status, { code }])
      const id = answer.headers['x-request-id']
      await until(
        () =>
          door.events.some(({ http, event }) => http?.request?.id === id && event.code === code),
        `${code} is on record`,
      )
    }
    const refused = await askH2(over, { ':path': '/orders', ':method': 'GET' }, 'a body')
    expect(refused.status).toBe(400)
  })
  it('a large body streams both ways, and one over the bound is cut', async () => {
    const body = Buffer.alloc(5 * 1024 * 1024, 'abc')
    order.handler = (_seen, response) => response.end(Buffer.alloc(6 * 1024 * 1024, 'z'))
    const upload = { ':method': 'POST', ':path': '/upload' }
    const [one, two] = await Promise.all([
      askH2(over, upload, body),
      askH2(over, { ...upload, 'content-length': body.length }, body),
    ])
    expect([one.body.length, two.body.length]).toEqual([6 * 1024 * 1024, 6 * 1024 * 1024])
    expect(order.seen.slice(-2).map((each) => each.body.length)).toEqual([body.length, body.length])
    const seen = order.seen.length
    const large = await askH2(over, upload, Buffer.alloc(9 * 1024 * 1024))
    expect([large.status, order.seen.length]).toEqual([413, seen])
    order.handler = (_seen, response) => response.end('{}')
  })
  it('a client that takes its request back ends the call', async () => {
    let closed = 0
    order.handler = (_seen, response) => void response.on('close', () => closed++)
    const seen = order.seen.length
    const stream = over.request({ ':path': '/slow' })
    stream.on('error', () => {})
    await until(() => order.seen.length === seen + 1, 'the service is asked')
    stream.close(8)
    await until(() => closed === 1, 'the call is ended')
    order.handler = (_seen, response) => response.end('{}')
    expect((await askH2(over, { ':path': '/slow' })).status).toBe(200)
  })
  it('curl is served', async () => {
    const { stdout } = await run('curl', [
      ...['-sS', '--http2', '--cacert', join(folder, 'ca.pem'), '-H', 'content-type: text/plain'],
      ...[
        '-w',
        '%{http_version} %{http_code}',
        '-d',
        'hello',
        `https://localhost:${door.port}/upload`,
      ],
    ])
    expect(stdout).toBe('{}2 200')
  })
  it('h2load is served by many streams at once', async ({ skip }) => {
    if (!(await has('h2load'))) skip('no h2load here')
    const { stdout } = await run('h2load', [
      ...['-n', '400', '-c', '4', '-m', '20', `https://localhost:${door.port}/slow`],
    ])
    expect(stdout).toContain('400 succeeded, 0 failed')
    expect(stdout).toContain('Application protocol: h2')
  })
})
