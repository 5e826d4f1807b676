import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { llhttpVectors } from '../testkit/llhttp-vectors.ts'
import { isFault } from './faults.ts'
import { parseRequestHead } from './parse-request-head.ts'
import { BOUNDS, readRequests } from './read-requests.fixture.ts'

const read = (...pieces: string[]) =>
  readRequests(pieces.map((each) => Buffer.from(each, 'latin1')))
const faultOf = (text: string): string | undefined => read(text).fault

/** Well-formed for llhttp, and refused here on purpose: other protocols, old forms, codings that nobody undoes. */
const STRICTER: Readonly<Record<string, string>> = {
  'method.md M-SEARCH request': 'the target has no form that the method allows',
  'method.md SOURCE request': 'the method is none that is registered',
  'method.md SOURCE request with ICE': 'the method is none that is registered',
  'method.md OPTIONS request with RTSP': 'the version is not HTTP/1.0 or HTTP/1.1',
  'method.md ANNOUNCE request with RTSP': 'the method is none that is registered',
  'method.md PRI request HTTP2': 'the method is none that is registered',
  'invalid.md Headers separated by LF': 'a line does not end with CR LF',
  'sample.md No HTTP version': 'the target holds an octet that is no visible ASCII',
  'transfer-encoding.md POST with `chunked` as last transfer-encoding':
    'the Transfer-Encoding is not "chunked"',
  'transfer-encoding.md POST with `chunked` as last transfer-encoding (multiple headers)':
    'the Transfer-Encoding is not "chunked"',
  'uri.md `host:port` and basic auth': 'the target has no form that the method allows',
}
/** Malformed for llhttp alone: what follows a request that ends its connection is not looked at here. */
const UNREAD: ReadonlySet<string> = new Set([
  'connection.md No restart when keep-alive is off (1.0)',
  'connection.md CRLF between requests, explicit `close`',
  'connection.md CRLF between requests, explicit `close` followed by tab',
])

describe('the vectors of llhttp', () => {
  const vectors = llhttpVectors()
  it('are there', () => {
    expect(vectors.filter((each) => each.malformed).length).toBeGreaterThan(40)
    expect(vectors.filter((each) => !each.malformed).length).toBeGreaterThan(40)
  })
  it.each(vectors)('$name', ({ name, bytes, malformed, whole, targets }) => {
    const { requests, fault } = read(bytes)
    const complete = requests.filter((each) => each.complete)
    if (malformed) {
      expect(fault === undefined).toBe(UNREAD.has(name))
      expect(complete.length).toBeLessThanOrEqual(whole)
      return
    }
    expect(fault).toBe(STRICTER[name])
    if (fault !== undefined) return
    const seen = requests.map((each) => each.head.target)
    expect(seen).toEqual(targets.slice(0, seen.length))
    expect(seen.length).toBeGreaterThan(0)
  })
  it('give the same however they are cut', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...vectors),
        fc.array(fc.nat({ max: 600 }), { maxLength: 12 }),
        ({ bytes }, cuts) => {
          const marks = [...new Set([0, ...cuts, bytes.length])].filter((at) => at <= bytes.length)
          marks.sort((a, b) => a - b)
          const pieces = marks.slice(1).map((to, i) => bytes.slice(marks[i], to))
          expect(read(...pieces)).toEqual(read(bytes))
        },
      ),
      { numRuns: 1_000 },
    )
  })
  it('give the same octet by octet', () => {
    for (const { bytes } of vectors) expect(read(...bytes)).toEqual(read(bytes))
  })
})

describe('the head of a request', () => {
  const head = (...headers: string[]): string =>
    ['POST /a?b HTTP/1.1', 'Host: h', ...headers, '', ''].join('\r\n')
  it('gives what it says', () => {
    const [request] = read(
      head('X-A:  a b\t', 'Connection: keep-alive, Upgrade', 'Upgrade: WebSocket', 'X-E:'),
    ).requests
    expect(request?.head).toEqual({
      ...{ method: 'POST', target: '/a?b', minor: 1, keepAlive: true, expectsContinue: false },
      headers: ['Host', 'h', 'X-A', 'a b', 'Connection', 'keep-alive, Upgrade'].concat([
        'Upgrade',
        'WebSocket',
        'X-E',
        '',
      ]),
      framing: { kind: 'none', bytes: 0 },
      upgrade: 'websocket',
    })
  })
  it.each<[string, string]>([
    ['both lengths', head('Content-Length: 1', 'Transfer-Encoding: chunked')],
    ['both, the other way round', head('Transfer-Encoding: chunked', 'Content-Length: 1')],
    ['two lengths that agree', head('Content-Length: 1', 'content-length: 1')],
    ['a list of lengths', head('Content-Length: 1, 1')],
    ['a signed length', head('Content-Length: +1')],
    ['a length in hexadecimal', head('Content-Length: 0x1')],
    ['no length', head('Content-Length:')],
    ['a length over what counts', head('Content-Length: 9999999999999999')],
    ['two codings', head('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')],
    ['a list of codings', head('Transfer-Encoding: chunked, chunked')],
    ['an unknown coding', head('Transfer-Encoding: xchunked')],
    ['a coding in 1.0', head('Transfer-Encoding: chunked').replace('/1.1', '/1.0')],
    ['a tab behind the coding', head('Transfer-Encoding: chunked \t')],
    ['two hosts', head('host: h')],
    ['a folded header', head('X: a', ' b')],
    ['a folded first header', 'GET / HTTP/1.1\r\n Host: h\r\n\r\n'],
    ['a space before the colon', head('X : a')],
    ['a tab before the colon', head('X\t: a')],
    ['no name', head(': a')],
    ['a name that is no token', head('X(: a')],
    ['a name above ASCII', head('X\xe9: a')],
    ['no colon', head('X')],
    ['NUL', head('X: a\0b')],
    ['DEL', head('X: a\x7fb')],
    ['a bare CR', head('X: a\rb')],
    ['a bare LF', head('X: a\nY: b')],
    ['LF only', 'GET / HTTP/1.1\nHost: h\n\n'],
    ['CR LF, then X', 'GET / HTTP/1.1\r\nHost: h\r\n\rX'],
    ['a method that is none', 'G@T / HTTP/1.1\r\n\r\n'],
    ['a method in lower case', 'get / HTTP/1.1\r\n\r\n'],
    ['a long method', `${'A'.repeat(40)} / HTTP/1.1\r\n\r\n`],
    ['a space before the method', ' GET / HTTP/1.1\r\n\r\n'],
    ['two spaces', 'GET  / HTTP/1.1\r\n\r\n'],
    ['two spaces before the version', 'GET /  HTTP/1.1\r\n\r\n'],
    ['a space behind the version', 'GET / HTTP/1.1 \r\n\r\n'],
    ['a tab in the line', 'GET\t/ HTTP/1.1\r\n\r\n'],
    ['no version', 'GET /\r\n\r\n'],
    ['HTTP/1.2', 'GET / HTTP/1.2\r\n\r\n'],
    ['HTTP/2.0', 'GET / HTTP/2.0\r\n\r\n'],
    ['HTTP/1.10', 'GET / HTTP/1.10\r\n\r\n'],
    ['http/1.1', 'GET / http/1.1\r\n\r\n'],
    ['a target above ASCII', 'GET /\xe9 HTTP/1.1\r\n\r\n'],
    ['a target without slash', 'GET a HTTP/1.1\r\n\r\n'],
    ['a target with a user', 'GET http://a@b/ HTTP/1.1\r\n\r\n'],
    ['GET *', 'GET * HTTP/1.1\r\n\r\n'],
    ['CONNECT to a path', 'CONNECT /a HTTP/1.1\r\n\r\n'],
    ['many empty lines', '\r\n'.repeat(5)],
    ['a bare CR before it', '\rGET / HTTP/1.1\r\n\r\n'],
    ['a bare LF before it', '\nGET / HTTP/1.1\r\n\r\n'],
  ])('is refused with %s', (_what, text) => {
    expect(faultOf(text)).toBeDefined()
    expect(read(text).requests).toEqual([])
  })
  it('has bounds, which it need not be whole to break', () => {
    const kindOf = (text: string): string | undefined => {
      const bytes = Buffer.from(text)
      const found = parseRequestHead(bytes, 0, bytes.length, BOUNDS)
      return found !== undefined && isFault(found) ? found.kind : undefined
    }
    expect(kindOf(`GET /${'a'.repeat(9_000)}`)).toBe('target-too-long')
    expect(kindOf(`GET / HTTP/1.1\r\nX: ${'a'.repeat(17_000)}`)).toBe('head-too-large')
    expect(kindOf(`GET / HTTP/1.1\r\n${'X: a\r\n'.repeat(101)}`)).toBe('too-many-headers')
    expect(kindOf(`GET / HTTP/1.1\r\n${'X: a\r\n'.repeat(100)}`)).toBeUndefined()
    expect(kindOf(`GET / HTTP/1.1\r\nX: ${'a'.repeat(16_384)}\r\n\r\n`)).toBe('head-too-large')
  })
})
