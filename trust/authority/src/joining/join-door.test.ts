import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { connect as connectPlain } from 'node:net'
import { request } from 'node:https'
import { connect as connectTls } from 'node:tls'
import { temporaryFolder } from '@countersign/ground/testkit'
import { createCsr, generateKeyPair, readCertificate } from '@countersign/ground/x509'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { JOIN_FAILURES_PER_ADDRESS } from '../limits.ts'
import { type Host, startHost } from '../testing/authority-host.ts'
import { createPki, type Pki } from '../testing/test-pki.ts'
import { generateToken } from '../token/token.ts'

let temporary: ReturnType<typeof temporaryFolder>
let pki: Pki
let host: Host
/** It stands still: how long a request takes earns nobody another one. */
let clock = 0
beforeAll(async () => {
  temporary = temporaryFolder()
  pki = await createPki(temporary.path)
  host = await startHost({ pki, instance: 'authority-1', joinNow: () => clock })
})
afterAll(async () => {
  await host.close()
  temporary[Symbol.dispose]()
})

interface Reply {
  readonly status: number
  readonly headers: NodeJS.Dict<string | string[]>
  readonly body: Record<string, unknown>
}
interface Wanted {
  readonly method?: string
  readonly path?: string
  readonly headers?: Record<string, string>
  readonly body?: string | Buffer
}
const JSON_TYPE = { 'content-type': 'application/json' }

function send({
  method = 'POST',
  path = '/v1/join',
  headers = JSON_TYPE,
  body = '{}',
}: Wanted): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const outgoing = request({
      ...{ ...host.door, method, path, headers, agent: false, ca: pki.root },
      checkServerIdentity: () => undefined,
    })
    outgoing.once('error', reject).once('response', async (response) => {
      const text = (await response.toArray()).join('')
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        body: JSON.parse(text),
      })
    })
    outgoing.end(body)
  })
}

const good = { token: generateToken(), csr: 'x' }
// biome-ignore format: a table
const refusals: [string, Wanted, number, string][] = [
  ['another path',             { path: '/v1/renew' },                               404, 'ROUTE_UNKNOWN'],
  ['a query',                  { path: '/v1/join?a=b' },                            404, 'ROUTE_UNKNOWN'],
  ['another method',           { method: 'PUT' },                                   405, 'METHOD_NOT_ALLOWED'],
  ['another media type',       { headers: { 'content-type': 'text/plain' } },       415, 'MEDIA_TYPE'],
  ['no media type',            { headers: {} },                                     415, 'MEDIA_TYPE'],
  ['no JSON',                  { body: '{' },                                       400, 'BODY_INVALID'],
  ['an array',                 { body: '[]' },                                      400, 'BODY_INVALID'],
  ['no token',                 { body: '{"csr":"x"}' },                             400, 'BODY_INVALID'],
  ['a field too many',         { body: JSON.stringify({ ...good, name: 'desk' }) }, 400, 'BODY_INVALID'],
  ['a token of another type',  { body: '{"token":{"$ne":1},"csr":"x"}' },           400, 'BODY_INVALID'],
  ['an unknown token',         { body: JSON.stringify(good) },                      401, 'TOKEN_INVALID'],
  ['a body that is too large', { body: Buffer.alloc(16_385, 0x20) },                413, 'BODY_TOO_LARGE'],
]

describe('the join door', () => {
  it.each(refusals)('refuses %s', async (_, wanted, status, code) => {
    const reply = await send(wanted)
    expect(reply).toMatchObject({ status, body: { status, code } })
    expect(reply.headers['content-type']).toBe('application/problem+json')
    expect(reply.headers['x-request-id']).toBe(reply.body.requestId)
    expect(JSON.stringify(reply.body)).not.toContain(good.token)
  })

  it('names the fields that are wrong, and nothing of ours', async () => {
    const { body } = await send({ body: '{"token":""}' })
    expect(body.errors).toMatchObject([{ field: 'token' }, { field: 'csr' }])
    expect(body).not.toHaveProperty('rule')
  })

  it('cuts a chunked body off when it is too long', async () => {
    const headers = { ...JSON_TYPE, 'transfer-encoding': 'chunked' }
    const reply = await send({ headers, body: Buffer.alloc(20_000, 0x20) })
    expect(reply.body).toMatchObject({ code: 'BODY_TOO_LARGE' })
  })

  it('cuts off a body that never ends', async () => {
    const socket = connectTls({
      ...host.door,
      ca: pki.root,
      checkServerIdentity: () => undefined,
    })
    socket.on('error', () => undefined)
    socket.write('POST /v1/join HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n')
    socket.write('transfer-encoding: chunked\r\n\r\n')
    await once(socket, 'secureConnect')
    const chunk = `4000\r\n${' '.repeat(0x4000)}\r\n`
    let chunks = 0
    while (!socket.closed && chunks < 4_096) {
      chunks += 1
      if (socket.write(chunk)) continue
      // Whether it is read on or closed: something happens.
      await Promise.race([once(socket, 'drain'), new Promise((end) => socket.once('close', end))])
    }
    // 64 MiB would have been sent otherwise.
    expect(socket.closed).toBe(true)
    expect(chunks).toBeLessThan(1_024)
  })

  it('speaks TLS 1.3 only, and says nothing in the clear', async () => {
    const old = connectTls({ ...host.door, ca: pki.root, maxVersion: 'TLSv1.2' })
    await expect(new Promise((_, reject) => old.once('error', reject))).rejects.toThrow(
      /protocol version/i,
    )
    const plain = connectPlain(host.door)
    plain.write('POST /v1/join HTTP/1.1\r\nhost: x\r\n\r\n')
    const heard = await plain.toArray().catch(() => [])
    expect(Buffer.concat(heard).toString('latin1')).not.toContain('HTTP/')
  })

  it('closes on a request that is no HTTP, and on headers that are too long', async () => {
    for (const bytes of [
      'hello\r\n\r\n',
      `GET / HTTP/1.1\r\nhost: x\r\na: ${'b'.repeat(9_000)}\r\n\r\n`,
    ]) {
      const socket = connectTls({
        ...host.door,
        ca: pki.root,
        checkServerIdentity: () => undefined,
      })
      socket.write(bytes)
      expect(Buffer.concat(await socket.toArray().catch(() => [])).toString()).toBe('')
    }
  })

  it('does not use up a token for a request that it refuses', async () => {
    const { token } = await host.mint('order')
    const wrong = await createCsr({
      id: host.identity.id,
      privateKey: (await generateKeyPair()).privateKey,
    })
    for (const csr of ['x', wrong, 'x'.repeat(8_192)]) {
      const reply = await send({ body: JSON.stringify({ token, csr }) })
      expect(reply).toMatchObject({
        status: 400,
        body: { code: 'BODY_INVALID', errors: [{ field: 'csr' }] },
      })
    }
    const csrs = await Promise.all([1, 2].map(() => host.csrFor('order')))
    const [one, two] = await Promise.all(
      csrs.map((csr) => send({ body: JSON.stringify({ token, csr }) })),
    )
    expect([one?.status, two?.status].sort()).toEqual([201, 401])
  })

  it('gives an answer that got lost again, to the same key and nobody else', async () => {
    const { token } = await host.mint('order')
    const [csr, other] = [await host.csrFor('order'), await host.csrFor('order')]
    const join = (request: string, by = token) =>
      send({ body: JSON.stringify({ token: by, csr: request }) })
    const first = await join(csr)
    const again = await join(csr)
    expect([first.status, again.status]).toEqual([201, 201])
    expect(again.body.chain).toBe(first.body.chain)
    expect(host.events.at(-1)).toMatchObject({ action: 'certificate.repeat', status: 'success' })
    const issued = host.authority.issued.list({ kind: 'join' }).length
    expect(await join(other)).toMatchObject({ status: 401, body: { code: 'TOKEN_INVALID' } })
    expect(await join('x')).toMatchObject({ status: 400, body: { code: 'BODY_INVALID' } })
    const chain = new X509Certificate(String(first.body.chain))
    host.revocations.lineages.add(readCertificate(chain.raw).serial)
    expect(await join(csr)).toMatchObject({ status: 401 })
    expect(host.authority.issued.list({ kind: 'join' })).toHaveLength(issued)
  })

  it('bounds what one address may ask, and counts it', async () => {
    clock += 60_000
    const { burst, perSecond } = JOIN_FAILURES_PER_ADDRESS
    const replies = await Promise.all(Array.from({ length: burst + 30 }, () => send({})))
    const limited = replies.filter(({ status }) => status === 429)
    expect(limited).toHaveLength(30)
    expect(limited[0]?.headers['retry-after']).toBe('1')
    const counted = /certificates_refused_total\{kind="join",code="RATE_LIMITED"\} (\d+)/
    expect(Number(counted.exec(await host.metrics.text())?.[1])).toBe(limited.length)
    expect(host.events.some(({ event }) => event.code === 'RATE_LIMITED')).toBe(false)
    clock += 1_000
    const later = await Promise.all(Array.from({ length: perSecond + 5 }, () => send({})))
    expect(later.filter(({ status }) => status === 429)).toHaveLength(5)
  })

  it('refuses a token that is tried over and over', async () => {
    clock += 60_000
    const { token } = await host.mint('order')
    const body = JSON.stringify({ token, csr: 'x' })
    const replies = await Promise.all(Array.from({ length: 20 }, () => send({ body })))
    const statuses = replies.map(({ status }) => status)
    expect(statuses.filter((status) => status === 400)).toHaveLength(10)
    expect(statuses.filter((status) => status === 429)).toHaveLength(10)
  })
})
