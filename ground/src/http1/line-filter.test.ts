import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isFault } from './faults.ts'
import { lineFilter, type LineVerdict } from './line-filter.ts'
import type { RequestHead } from './message.ts'
import { parseRequestHead } from './parse-request-head.ts'
import { BOUNDS } from './read-requests.fixture.ts'

const judge = (name: string): LineVerdict => {
  const lower = name.toLowerCase()
  return lower === 'connection' ? 'connection' : lower.startsWith('x-') ? 'drop' : 'keep'
}
function headOf(...fields: string[]): RequestHead {
  const bytes = Buffer.from(['GET / HTTP/1.1', ...fields, '', ''].join('\r\n'), 'latin1')
  const found = parseRequestHead(bytes, 0, bytes.length, BOUNDS)
  if (found === undefined || isFault(found)) throw new Error('this is no head')
  return found.head
}
const filter = lineFilter(judge)
const kept = ({ headers, lines }: RequestHead): string | undefined =>
  lines === undefined ? 'no lines' : filter(headers, lines)

describe('the lines of a head that was read', () => {
  it('go on without those that are dropped', () => {
    expect(kept(headOf('Host: a', 'X-A: 1', 'Accept: b', 'Cookie: c', 'x-b: 2'))).toBe(
      'Host: a\r\nAccept: b\r\nCookie: c\r\n',
    )
    expect(kept(headOf('X-A: 1', 'Host: a'))).toBe('Host: a\r\n')
    expect(kept(headOf('X-A: 1'))).toBe('')
    expect(kept(headOf())).toBe('')
  })
  it('are none where one of them is not written as we would write it', () => {
    for (const field of ['A:b', 'A:  b', 'A: b ', 'A:\tb', 'A:', 'A: \t'])
      expect(kept(headOf('Host: a', field))).toBe('no lines')
    expect(kept(headOf('A: '))).toBe('A: \r\n')
  })
  it('are left to others where a Connection header names one of them', () => {
    expect(kept(headOf('Host: a', 'Connection: close, Accept', 'Accept: b'))).toBeUndefined()
    for (const value of ['close', 'Keep-Alive', ''])
      expect(kept(headOf('Host: a', `Connection: ${value}`, 'X: b'))).toBe('Host: a\r\nX: b\r\n')
  })
  it('say what the headers say, whatever these are', () => {
    const name = fc.stringMatching(/^[A-Za-z-]{1,70}$/)
    const value = fc.stringMatching(/^(?:[!-~\x80-\xff](?:[ -~\x80-\xff]{0,20}[!-~\x80-\xff])?)?$/)
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { maxLength: 20 }), (fields) => {
        const others = fields.filter(
          ([each]) => !/^(?:host|content-length|transfer-encoding|connection)$/i.test(each),
        )
        const head = headOf(...others.map(([n, v]) => `${n}: ${v}`))
        const expected = others
          .filter(([n]) => judge(n) === 'keep')
          .map(([n, v]) => `${n}: ${v}\r\n`)
        expect(kept(head)).toBe(expected.join(''))
        expect(head.headers).toEqual(others.flat())
      }),
    )
  })
})
