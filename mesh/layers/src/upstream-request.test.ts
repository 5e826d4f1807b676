import { describe, expect, it } from 'vitest'
import { requestHead, trailerSection, type UpstreamRequest } from './upstream-request.ts'

const headOf = (changes: Partial<UpstreamRequest> = {}): string =>
  requestHead({ method: 'GET', path: '/', headers: [], timeoutMs: 1, ...changes }, 'there:1')
const source = { start: () => undefined, resume: () => undefined, cancel: () => undefined }

it('the head of a request is one text, with a host and what the caller says', () => {
  const headers = ['X-A', 'a', 'x-b', 'b \xe4\t', 'Host', 'evil', 'Connection', 'keep-alive']
  expect(headOf({ path: '/a?b=%20', headers })).toBe(
    'GET /a?b=%20 HTTP/1.1\r\nhost: there:1\r\nX-A: a\r\nx-b: b \xe4\t\r\n\r\n',
  )
  expect(headOf({ host: 'other.example' })).toContain('\r\nhost: other.example\r\n')
  expect(headOf({ upgrade: 'websocket' })).toContain(
    '\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n',
  )
})

it.each<[string, Partial<UpstreamRequest>, string | undefined]>([
  ['no body', {}, undefined],
  ['no body where one is usual', { method: 'POST' }, 'content-length: 0'],
  ['an empty text', { method: 'DELETE', body: '' }, undefined],
  ['a text, in bytes', { method: 'POST', body: 'ä€' }, 'content-length: 5'],
  ['bytes', { body: new Uint8Array(7) }, 'content-length: 7'],
  ['a source', { method: 'POST', body: source }, 'transfer-encoding: chunked'],
  [
    'a source of known length',
    { method: 'POST', body: source, headers: ['Content-Length', '12'] },
    'content-length: 12',
  ],
  [
    'a length that is right',
    { body: 'abc', headers: ['content-length', '3'] },
    'content-length: 3',
  ],
])('says where the body ends: %s', (_, request, framing) => {
  const lines = headOf(request).split('\r\n')
  const found = lines.filter((line) => /^(content-length|transfer-encoding):/i.test(line))
  expect(found).toEqual(framing === undefined ? [] : [framing])
  expect(lines.slice(-2)).toEqual(['', ''])
})

describe('is not written', () => {
  it.each<[string, Partial<UpstreamRequest>]>([
    ['a method of two words', { method: 'GET /' }],
    ['no method', { method: '' }],
    ['CONNECT', { method: 'CONNECT' }],
    ['a path with a space', { path: '/a b' }],
    ['a path with a line feed', { path: '/\r\nx: y' }],
    ['a path whose last bits are a line feed', { path: '/\u010a' }],
    ['no path', { path: '' }],
    ['a name with a colon', { headers: ['x:y', 'a'] }],
    ['a name with a space', { headers: ['x ', 'a'] }],
    ['an empty name', { headers: ['', 'a'] }],
    ['a name whose last bits are a letter', { headers: ['\u0161', 'a'] }],
    ['a value with CR LF', { headers: ['x', 'a\r\ny: b'] }],
    ['a value with a line feed', { headers: ['x', 'a\ny: b'] }],
    ['a value with NUL', { headers: ['x', 'a\0'] }],
    ['a value whose last bits are a line feed', { headers: ['x', 'a\u010ay: b'] }],
    ['a host with CR LF', { host: 'a\r\nx: y' }],
    ['Transfer-Encoding', { headers: ['Transfer-Encoding', 'chunked'] }],
    ['Expect', { headers: ['expect', '100-continue'] }],
    ['Upgrade', { headers: ['Upgrade', 'websocket'] }],
    ['an upgrade with a body', { upgrade: 'websocket', body: 'x' }],
    ['an upgrade with CR LF', { upgrade: 'a\r\nx: y' }],
    ['a length that is wrong', { body: 'abc', headers: ['content-length', '4'] }],
    ['a length that is none', { body: source, headers: ['content-length', '+4'] }],
    ['a length without a body', { headers: ['content-length', '4'] }],
    ['two lengths', { body: source, headers: ['content-length', '4', 'content-length', '5'] }],
  ])('%s', (_, request) => {
    expect(() => headOf(request)).toThrow(expect.objectContaining({ code: 'REQUEST_INVALID' }))
  })
  it.each([
    [['content-length', '1']],
    [['transfer-encoding', 'chunked']],
    [['host', 'a']],
    [['x', 'a\r\n']],
    [['x y', 'a']],
  ])('the trailer %j', (trailers) => {
    expect(() => trailerSection(trailers)).toThrow(
      expect.objectContaining({ code: 'REQUEST_INVALID' }),
    )
  })
})
