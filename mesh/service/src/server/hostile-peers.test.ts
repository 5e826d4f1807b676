import { once } from 'node:events'
import { createServer as createHttps } from 'node:https'
import { connect } from 'node:tls'
import { contract, endpoint } from '@countersign/contract'
import { spiffeId } from '@countersign/ground/spiffe'
import { createHostileChains, type HostileChain, until } from '@countersign/ground/testkit'
import { createMemoryLimiter, createUpstream, UpstreamError } from '@countersign/layers'
import { decider, NOTHING_NARROWED } from '@countersign/policy'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { Revocations } from '../trust/revocations.ts'
import { createTestWorkload, type TestWorkload } from '../testing/workload.ts'
import type { Identity } from '../workload.ts'
import { type MeshServer, openServer } from './server.ts'

/*
 * Every hostile chain, shown to the door of a real workload and to its way to others: no byte of a request reaches a
 * handler, none leaves us, and each refusal is counted and on record.
 */
const order = spiffeId('test.local', 'service', 'order')
const { bundle, good, hostile } = createHostileChains({ id: order })
type Shown = Pick<HostileChain, 'chain' | 'key'>
/** As lax as OpenSSL can be made, so that it is the other side that refuses. */
const shownBy = ({ chain, key }: Shown) => ({
  ...{ cert: chain, key, ca: bundle, ciphers: 'DEFAULT@SECLEVEL=0' },
  minVersion: 'TLSv1.3' as const,
})
/** OpenSSL cannot read these, so that nobody can show them. */
const canBeShown = (shown: Shown): boolean => {
  try {
    createHttps(shownBy(shown)).close()
    return true
  } catch {
    return false
  }
}
const rows = hostile.filter(canBeShown).map((row) => [row.name, row] as const)

const identity: Identity = {
  id: order,
  current: () => ({ ...good, serial: '1', notBefore: new Date(), notAfter: new Date() }),
  bundle: () => bundle,
  onChange: () => () => undefined,
  renewals: 0,
  revocations: new Revocations(Date.now() + 3_600_000),
}
const payment = contract('payment', {
  pay: endpoint({
    at: 'POST /pay',
    callers: ['order'],
    roles: 'stranger',
    limit: '1000000/second per caller',
    body: z.unknown(),
    reply: z.object({ ok: z.boolean() }),
  }),
})
let served = 0
let door: TestWorkload
let server: MeshServer
beforeAll(async () => {
  door = createTestWorkload('payment', identity, {})
  server = await openServer({
    workload: door,
    served: [
      {
        contract: payment,
        handlers: {
          pay: () => {
            served++
            return { ok: true }
          },
        },
      },
    ],
    verifier: {
      verify: () => {
        throw new Error('no tokens here')
      },
    },
    limiter: createMemoryLimiter(),
    decide: decider(NOTHING_NARROWED),
    narrowing: NOTHING_NARROWED,
    listen: { host: '127.0.0.1', port: 0 },
  })
})
afterAll(() => server.close())

/** Sends a whole request in the first moment in which that can be done. Says what came back. */
async function knock(shown: Shown): Promise<string> {
  const socket = connect({
    ...{ ...shownBy(shown), port: server.port, host: '127.0.0.1', ALPNProtocols: ['http/1.1'] },
    checkServerIdentity: () => undefined,
  })
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk))
  socket.on('error', () => undefined)
  const head = 'POST /pay HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'
  socket.once('secureConnect', () =>
    socket.write(`${head}Connection: close\r\nContent-Length: 2\r\n\r\n{}`),
  )
  await new Promise((resolve) => socket.once('close', resolve))
  return text
}
async function refusalsCounted(): Promise<number> {
  const text = await door.metrics.text()
  const lines = text.split('\n').filter((line) => line.startsWith('countersign_tls_refused_total{'))
  return lines.reduce((sum, line) => sum + Number(line.split(' ')[1]), 0)
}

describe('a client', () => {
  it.each(rows)('with %s gets no byte to a handler', async (_, row) => {
    const before = await refusalsCounted()
    expect(await knock(row)).toBe('')
    expect(served).toBe(0)
    await until(async () => (await refusalsCounted()) === before + 1, 'one refusal counted')
  })
  it('that was refused for its certificate is on record, with the reason', () => {
    const refused = door.events.filter(({ action }) => action === 'peer.refuse')
    expect(refused.length).toBeGreaterThan(10)
    for (const { status, event, countersign } of refused) {
      expect([status, event.code]).toEqual(['refused', 'CHAIN'])
      expect(countersign).toMatchObject({ door: 'payment', hinge: 'authenticate' })
    }
    const ours = refused.filter(({ event }) => !event.reason?.startsWith('OpenSSL'))
    for (const { event } of ours)
      expect(hostile.some(({ why }) => event.reason?.includes(why))).toBe(true)
  })
  it('with the good chain is served', async () => {
    expect(await knock(good)).toContain('HTTP/1.1 200')
    expect(served).toBe(1)
  })
})

/** Asks a server that shows this. Says how that failed, and what the server has seen. */
async function ask(shown: Shown): Promise<{ error: unknown; seen: number }> {
  let seen = 0
  const there = createHttps({ ...shownBy(shown), ALPNProtocols: ['http/1.1'] }, (_, response) => {
    seen++
    response.end('ok')
  })
  there.on('tlsClientError', () => undefined)
  there.on('secureConnection', (socket) => socket.on('error', () => undefined))
  there.listen(0, '127.0.0.1')
  await once(there, 'listening')
  const { port } = there.address() as { port: number }
  const upstream = createUpstream({
    address: { host: '127.0.0.1', port },
    ...{ expectedId: order, identity, log: door.log },
  })
  const request = { method: 'POST', path: '/', headers: [], body: 'secret', timeoutMs: 3_000 }
  const error = await upstream.request(request).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  await upstream.close()
  there.closeAllConnections()
  there.close()
  return { error, seen }
}

describe('a server', () => {
  it.each(rows)('with %s gets no byte of a request', async (_, row) => {
    const { error, seen } = await ask(row)
    expect(seen).toBe(0)
    expect(error).toBeInstanceOf(UpstreamError)
    expect(error).toMatchObject({ code: 'PEER_REFUSED', sent: false })
  })
  it('with the good chain is asked', async () => {
    expect(await ask(good)).toEqual({ error: undefined, seen: 1 })
  })
})
