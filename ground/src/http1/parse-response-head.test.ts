import { describe, expect, it } from 'vitest'
import { isFault } from './faults.ts'
import type { ResponseHead } from './message.ts'
import { parseResponseHead } from './parse-response-head.ts'
import { BOUNDS } from './read-requests.fixture.ts'

const parse = (text: string, method = 'GET') => {
  const bytes = Buffer.from(`##${text}##`, 'latin1')
  return parseResponseHead(bytes, 2, bytes.length - 2, BOUNDS, method)
}
const head = (line: string, ...headers: string[]): string => [line, ...headers, '', ''].join('\r\n')
function headOf(text: string, method?: string): ResponseHead {
  const found = parse(text, method)
  if (found === undefined || isFault(found)) throw new Error('no head')
  expect(found.end).toBe(2 + text.length)
  return found.head
}

describe('the head of an answer', () => {
  it('gives what it says', () => {
    const text = head('HTTP/1.1 404 Not  Found\t', 'X: a', 'Content-Length: 7')
    expect(headOf(text)).toEqual({
      lines: { text, from: 'HTTP/1.1 404 Not  Found\t\r\n'.length },
      ...{ status: 404, minor: 1, keepAlive: true, headers: ['X', 'a', 'Content-Length', '7'] },
      framing: { kind: 'length', bytes: 7 },
    })
    expect(headOf(head('HTTP/1.1 200')).status).toBe(200)
    expect(headOf(head('HTTP/1.1 200 ')).status).toBe(200)
  })
  it('tells where its body ends (RFC 9112 section 6.3)', () => {
    const kind = (text: string, method?: string) => headOf(text, method).framing.kind
    expect(kind(head('HTTP/1.1 200 OK'))).toBe('close')
    expect(kind(head('HTTP/1.1 200 OK', 'Transfer-Encoding: Chunked'))).toBe('chunked')
    expect(kind(head('HTTP/1.1 200 OK', 'Content-Length: 5'), 'HEAD')).toBe('none')
    expect(kind(head('HTTP/1.1 204 No Content', 'Transfer-Encoding: chunked'))).toBe('none')
    expect(kind(head('HTTP/1.1 304 Not Modified', 'Content-Length: 5'))).toBe('none')
    expect(kind(head('HTTP/1.1 100 Continue'))).toBe('none')
    expect(kind(head('HTTP/1.1 200 OK'), 'CONNECT')).toBe('none')
  })
  it('tells whether the connection stays', () => {
    const stays = (text: string) => headOf(text).keepAlive
    expect(stays(head('HTTP/1.1 200 OK', 'Content-Length: 0'))).toBe(true)
    expect(stays(head('HTTP/1.1 200 OK', 'Content-Length: 0', 'Connection: X, Close'))).toBe(false)
    expect(stays(head('HTTP/1.1 200 OK'))).toBe(false)
    expect(stays(head('HTTP/1.0 200 OK', 'Content-Length: 0'))).toBe(false)
    expect(stays(head('HTTP/1.0 200 OK', 'Content-Length: 0', 'Connection: keep-alive'))).toBe(true)
  })
  it.each([
    ['HTTP/2', head('HTTP/2.0 200 OK')],
    ['a status of two digits', head('HTTP/1.1 20 OK')],
    ['a status of four digits', head('HTTP/1.1 2000 OK')],
    ['a status below 100', head('HTTP/1.1 099 OK')],
    ['an empty line before', `\r\n${head('HTTP/1.1 200 OK')}`],
    ['NUL in its reason', head('HTTP/1.1 200 O\0K')],
    ['a bare LF', 'HTTP/1.1 200 OK\nContent-Length: 1\n\n'],
    ['both lengths', head('HTTP/1.1 200 OK', 'Content-Length: 1', 'Transfer-Encoding: chunked')],
    ['two lengths', head('HTTP/1.1 200 OK', 'Content-Length: 1', 'Content-Length: 1')],
    ['an unknown coding', head('HTTP/1.1 200 OK', 'Transfer-Encoding: gzip, chunked')],
    ['a coding in 1.0', head('HTTP/1.0 200 OK', 'Transfer-Encoding: chunked')],
    ['a folded header', head('HTTP/1.1 200 OK', 'X: a', '\tb')],
    ['a space before the colon', head('HTTP/1.1 200 OK', 'X : a')],
  ])('is refused with %s', (_what, text) => {
    const found = parse(text)
    expect(found !== undefined && isFault(found)).toBe(true)
  })
  it('gives the same however it is cut', () => {
    const text = head('HTTP/1.1 200 OK', 'X-Long: abc', 'Content-Length: 5')
    for (let cut = 0; cut < text.length; cut++) expect(parse(text.slice(0, cut))).toBeUndefined()
    expect(headOf(text).framing.bytes).toBe(5)
  })
})
