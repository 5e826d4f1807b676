import { contract, describe as describeContract, endpoint } from '@countersign/contract'
import { canonicalPath } from '@countersign/ground/http1'
import {
  llhttpOtherVectors,
  llhttpVectors,
  NodeReader,
  type NodeRequest,
  until,
} from '@countersign/ground/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { filterRequestHeaders } from './domain/filter-headers.ts'
import { exchange, open } from './testing/client.ts'
import { House, type Running } from './testing/house.ts'
import type { Seen, UpstreamServer } from './testing/upstream-server.ts'

/*
 * Vectors of Node's own parser, through the door: what is malformed is answered 4xx or not at all, ends its connection, and is seen by
 * no service; what is well-formed reaches the service as Node itself would read it, with the exceptions that are listed below.
 */
const vectors = llhttpVectors().map((each) => ({ ...each, bytes: withHost(each.bytes) }))

/** One Host that the door knows, where the vector has its own or none: it is not the host that is tried here. */
function withHost(bytes: string): string {
  const own = /^Host: ?[^\r\n]*/m
  if (own.test(bytes)) return bytes.replaceAll(/^Host: ?[^\r\n]*/gm, 'Host: localhost')
  return bytes.replaceAll(/( HTTP\/1\.1\r\n)/g, '$1Host: localhost\r\n')
}

/** Why a request that is well-formed does not go on; `undefined`: it does. */
function exceptionTo({ method, target, headers, body }: NodeRequest): string | undefined {
  const named = (name: string): boolean => headers.some((each) => each.toLowerCase() === name)
  if (!/^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$/.test(method)) return 'a method that nothing has'
  if (!canonicalPath(target).ok) return 'a target that is not in origin form, or is ambiguous'
  if (named('upgrade')) return 'a change of protocol that no route declares'
  if (!named('host')) return 'HTTP/1.0 without a Host: for whom it is cannot be known'
  if (body !== '' && /^(GET|HEAD|OPTIONS)$/.test(method)) return 'a body where none belongs'
  if (named('expect') && !headers.includes('100-continue')) return 'an expectation of another kind'
  return undefined
}

let house: House
let everything: UpstreamServer
/** Requests of the vectors that went on. */
let passed = 0
let door: Running
let node: NodeReader
beforeAll(async () => {
  node = await NodeReader.start()
  house = await House.build()
  house.contracts.set([
    describeContract(
      contract('everything', {
        any: endpoint({
          at: 'ANY /*',
          kind: 'mount',
          callers: ['gateway'],
          roles: 'stranger',
          limit: '1000000/second per address',
        }),
      }),
    ),
  ])
  everything = await house.service('everything-1')
  door = await house.gateway()
})
afterAll(() => {
  node.close()
  return house.close()
})

describe.concurrent('the vectors of the parser', () => {
  it('are there', () => {
    expect(vectors.filter((each) => each.malformed).length).toBeGreaterThan(40)
    expect(vectors.filter((each) => !each.malformed).length).toBeGreaterThan(40)
  })
  it.each(vectors.map((each, number) => ({ ...each, number })))(
    '$name',
    async ({ bytes, malformed, whole, number }) => {
      // The number makes the requests of a vector known again at the service.
      const marked = bytes.replaceAll(
        / HTTP\/1\.([01])\r\n/g,
        ` HTTP/1.$1\r\nX-Vector: ${number}\r\n`,
      )
      const socket = await open({ port: door.port, ca: house.pki.bundle })
      let ended = false
      socket.once('close', () => {
        ended = true
      })
      // Another protocol, which Node's parser knows as well.
      const isHttp = !/ (RTSP|ICE)\/[0-9.]+\r\n/.test(bytes)
      const passing = malformed || !isHttp ? [] : passingOf(await node.read(marked))
      // Where there is something to answer, it is waited for until it comes.
      const timeoutMs = malformed ? 15_000 : passing.length > 0 ? undefined : 1_000
      const text = await exchange(socket, marked, timeoutMs)
      const statuses = [...text.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map((each) => Number(each[1]))
      const seen = everything.seen.filter((each) => each.headers['x-vector'] === String(number))
      if (!malformed) {
        expect(statuses.every((status) => status < 500)).toBe(true)
        return expectAsNodeReads(seen, passing)
      }
      expect(ended).toBe(true)
      expect(seen.length).toBeLessThanOrEqual(whole)
      expect(statuses.filter((status) => status < 400).length).toBeLessThanOrEqual(whole)
      for (const status of statuses.slice(whole)) expect(status).toBeGreaterThanOrEqual(400)
    },
  )
})

/** What Node sees, up to the first request that does not go on; behind that, all may be over. */
function passingOf(theirs: readonly NodeRequest[]): readonly NodeRequest[] {
  const whole = theirs.filter((each) => each.complete)
  const until = whole.findIndex((each) => exceptionTo(each) !== undefined)
  return until === -1 ? whole : whole.slice(0, until)
}
/** What the service has seen is what Node sees. */
function expectAsNodeReads(seen: readonly Seen[], passing: readonly NodeRequest[]): void {
  expect(seen.length).toBeGreaterThanOrEqual(passing.length)
  for (const [i, each] of passing.entries()) {
    passed++
    const found = canonicalPath(each.target)
    const path = found.ok ? found.path : ''
    const target = found.ok && found.query !== '' ? `${path}?${found.query}` : path
    expect(seen[i]).toMatchObject({ method: each.method, url: target, body: each.body })
    const kept = filterRequestHeaders(each.headers)
    expect(seen[i]?.rawHeaders.slice(2, 2 + kept.length)).toEqual(kept)
  }
}

it('pass where they are well-formed', () => expect(passed).toBeGreaterThan(25))

describe.concurrent('what a lenient parser would take', () => {
  it.each(llhttpOtherVectors().map((each, i) => ({ ...each, number: `other-${i}` })))(
    '$name: no service sees more than Node',
    async ({ bytes, number }) => {
      const marked = withHost(bytes).replaceAll(
        / HTTP\/([0-9.]+)\r\n/g,
        ` HTTP/$1\r\nX-Vector: ${number}\r\n`,
      )
      const text = await exchange(
        await open({ port: door.port, ca: house.pki.bundle }),
        marked,
        1_000,
      )
      const statuses = [...text.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map((each) => Number(each[1]))
      expect(statuses.every((status) => status < 500)).toBe(true)
      const whole = (await node.read(marked)).filter((each) => each.complete)
      const seen = everything.seen.filter((each) => each.headers['x-vector'] === number)
      expect(seen.length).toBeLessThanOrEqual(whole.length)
      for (const each of seen)
        expect(whole.some((one) => one.method === each.method && one.body === each.body)).toBe(true)
    },
  )
})

it('leave nothing under way', async () => {
  await until(async () => /in_flight 0$/m.test(await door.metrics.text()), 'nothing under way')
})
