import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { contract, describe as describeContract, endpoint } from '@countersign/contract'
import { until } from '@countersign/ground/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { exchange, open } from './testing/client.ts'
import { House, type Running } from './testing/house.ts'
import type { UpstreamServer } from './testing/upstream-server.ts'

/* The parser's own vectors, through the door: what is malformed is answered 4xx or not at all, ends its connection, and is seen by no service. */
const FOLDER = join(import.meta.dirname, 'testdata/llhttp')
const VECTOR =
  /^#+ ([^\n]+)\n(?:(?!^#)[\s\S])*?<!-- meta=(\{.*\}) -->\n```http\n([\s\S]*?)```\n+```log\n([\s\S]*?)```/gm
/** Not a mistake in the bytes: a change of protocol, or the end of the vector. */
const NO_MISTAKE = /error code=2[0-9]/

interface Vector {
  readonly name: string
  readonly bytes: string
  readonly malformed: boolean
  /** Whole requests before the mistake. */
  readonly whole: number
}
const vectors: readonly Vector[] = readdirSync(FOLDER).flatMap((file) =>
  [...readFileSync(join(FOLDER, file), 'utf8').matchAll(VECTOR)].flatMap(
    ([, title, meta = '', text = '', log = '']) =>
      JSON.parse(meta).type === 'request'
        ? [
            {
              name: `${file} ${title}`,
              bytes: withHost(unescaped(text)),
              malformed: log.includes('error code=') && !NO_MISTAKE.test(log),
              whole: log.split('message complete').length - 1,
            },
          ]
        : [],
  ),
)

/** As llhttp's own runner reads them. */
function unescaped(text: string): string {
  const escapes: Record<string, string> = { r: '\r', n: '\n', t: '\t', f: '\f' }
  return text
    .replace(/\n$/, '')
    .replaceAll(/\\\n/g, '')
    .replaceAll('\n', '\r\n')
    .replaceAll(/\\([rntf])/g, (_whole, letter: string) => escapes[letter] ?? '')
    .replaceAll(/\\x([0-9a-fA-F]{2})/g, (_whole, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    )
}
/** One Host that the door knows, where the vector has its own or none: it is not the host that is tried here. */
function withHost(bytes: string): string {
  const own = /^Host: ?[^\r\n]*/m
  if (own.test(bytes)) return bytes.replaceAll(/^Host: ?[^\r\n]*/gm, 'Host: localhost')
  return bytes.replaceAll(/( HTTP\/1\.1\r\n)/g, '$1Host: localhost\r\n')
}

let house: House
let everything: UpstreamServer
let door: Running
beforeAll(async () => {
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
afterAll(() => house.close())

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
      const reading = exchange(socket, marked, malformed ? 15_000 : 1_000)
      const text = await reading
      const statuses = [...text.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map((each) => Number(each[1]))
      const seen = everything.seen.filter((each) => each.headers['x-vector'] === String(number))
      if (!malformed) return expect(statuses.every((status) => status < 500)).toBe(true)
      expect(ended).toBe(true)
      expect(seen.length).toBeLessThanOrEqual(whole)
      expect(statuses.filter((status) => status < 400).length).toBeLessThanOrEqual(whole)
      for (const status of statuses.slice(whole)) expect(status).toBeGreaterThanOrEqual(400)
    },
  )
})

it('leave nothing under way', async () => {
  await until(async () => /in_flight 0$/m.test(await door.metrics.text()), 'nothing under way')
})
