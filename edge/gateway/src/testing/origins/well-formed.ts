import type { Chance } from '@countersign/ground/testkit'
import { hidden, type Origin, type Piece } from './piece.ts'
import { anyLines, anyPath, anyQuery, framed, QUERIES_UNUSUAL } from './well-formed-parts.ts'

/** Consumers of the route that wants a key, and their keys. */
export const KEYS: Readonly<Record<string, string>> = { alice: 'key-of-alice', bob: 'key-of-bob' }

const BODILESS = ['GET', 'GET', 'GET', 'HEAD', 'OPTIONS', 'DELETE']
const WITH_BODY = ['POST', 'POST', 'PUT', 'PATCH', 'DELETE']
/** Above the bound up to which the gateway reads a body whole before it sends it on. */
const LARGE_BYTES = 64 * 1024
const HOSTS = ['localhost', 'LocalHost', 'localhost:8443']

export interface Chosen {
  readonly chance: Chance
  readonly id: string
  readonly origins: readonly Origin[]
}

/** A request that has to be served, and what its origin has to see. */
export function wellFormed({ chance, id, origins }: Chosen): Piece {
  const origin = chance.of(origins)
  const consumer = chance.once(3) ? chance.of(Object.keys(KEYS)) : undefined
  const host = chance.of(HOSTS)
  const [raw, canonical] = anyPath(chance)
  const query = `${queryFor(chance, origin)}fuzz=${id}`
  const hasBody = chance.once(2)
  const method = chance.of(hasBody ? WITH_BODY : BODILESS)
  const { lines, kept } = anyLines(chance)
  const add = (line: string): unknown => lines.splice(chance.number(lines.length + 1), 0, line)
  lines.splice(chance.number(lines.length + 1), 0, `X-Fuzz: ${id}`)
  if (consumer !== undefined) add(`apikey: ${KEYS[consumer]}`)
  const headers: [string, string][] = [...kept, ['x-fuzz', id]]
  if (consumer !== undefined) headers.push(['apikey', KEYS[consumer] ?? ''])
  add(`${chance.of(['Host', 'host', 'HOST'])}: ${host}`)
  const body = hasBody ? anyBody(chance, origin, id) : ''
  const frame = hasBody ? framed(chance, body) : { line: '', bytes: '' }
  if (hasBody) add(frame.line)
  else if (chance.once(10)) add('Content-Length: 0')
  if (hasBody && chance.once(20)) add('Expect: 100-continue')
  const before = chance.once(25) ? chance.of(['\r\n', '\r\n\r\n']) : ''
  const prefix = consumer === undefined ? `/${origin}` : `/keyed/${origin}`
  const head = `${before}${method} ${prefix}${raw}?${query} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`
  const path = consumer === undefined ? `/${origin}${canonical}` : canonical || '/'
  return {
    ...{ kind: consumer === undefined ? 'well-formed' : 'well-formed, with a key', id, method },
    ...{ bytes: head + frame.bytes, fate: 'served', closes: false },
    meant: { origin, method, target: `${path}?${query}`, headers, body, consumer, host },
  }
}

/** The last request of a connection, by what it says or by its version. */
export function lastOne({ chance, id, origins }: Chosen): Piece {
  const origin = chance.of(origins)
  const old = chance.once(2)
  const target = `/${origin}/last?fuzz=${id}`
  const head = old
    ? `GET ${target} HTTP/1.0\r\nHost: localhost\r\nX-Fuzz: ${id}\r\n\r\n`
    : `GET ${target} HTTP/1.1\r\nConnection: close\r\nHost: localhost\r\nX-Fuzz: ${id}\r\n\r\n`
  return {
    ...{ kind: 'last of its connection', id, method: 'GET', bytes: head },
    ...{ fate: 'served', closes: true },
    meant: {
      ...{ origin, method: 'GET', target, headers: [['x-fuzz', id]], body: '' },
      ...{ host: 'localhost', consumer: undefined },
    },
  }
}

function queryFor(chance: Chance, origin: Origin): string {
  const unusual = origin !== 'apache' && chance.once(20)
  const query = unusual ? chance.of(QUERIES_UNUSUAL) : anyQuery(chance)
  return query === '' ? '' : `${query}&`
}

/** Most bodies hold what would be a request where somebody read it as one. */
function anyBody(chance: Chance, origin: Origin, id: string): string {
  if (chance.once(10)) return ''
  if (chance.once(300))
    return `${id}:`.padEnd(LARGE_BYTES + chance.number(3 * LARGE_BYTES), 'b\r\n')
  const text = `${id}:\r\n0\r\n\r\n${hidden(origin, id)}\xe9\0\xff`
  return text.slice(0, 1 + chance.number(text.length))
}
