import type { Chance } from '../testkit/chance.ts'
import { spoilBytes } from '../testkit/spoil-bytes.ts'

/* Bytes of a connection that are nearly requests: a grammar with mistakes in it, and mistakes in what it gives. */

const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH', 'QUERY', 'M-SEARCH']
const ODD_METHODS = ['get', 'FOO', 'G ET', 'GETS', 'POS', '', 'PRI', 'SOURCE', 'DESCRIBE', 'G@T']
const TARGETS = ['/', '/a/b', '/a?b=c', '/%41', '/a#b', '/a?b#c?d', '/a//b', '/*', '/~!$&()']
const ODD_TARGETS = [
  '*',
  'a',
  'http://h/x',
  'http://h:1',
  'http://u@h/',
  '',
  '/\xe9',
  '/ ',
  '/\t',
  '?a',
  '#',
]
const VERSIONS = ['HTTP/1.1', 'HTTP/1.0']
const ODD_VERSIONS = [
  'HTTP/1.2',
  'HTTP/2.0',
  'HTTP/0.9',
  'http/1.1',
  'HTTP/1.1 ',
  'HTTP/11',
  'RTSP/1.0',
  '',
]
const LINES = [
  'Host: h',
  'X-A: b',
  'X-B:c',
  'X-C:  d  e \t',
  'X-D:',
  'X-E: \xe9\xff',
  'Accept: */*',
  'Connection: keep-alive',
  'Connection: close',
  'Connection: x, y',
  'Cookie: a=b; c="d"',
]
const ODD_LINES = [
  'X : a',
  ' X: a',
  '\tX: a',
  'X',
  ': a',
  'X\0: a',
  'X: a\0b',
  'X: a\x0bb',
  'X: a\rb',
  'X: a\nTransfer-Encoding: chunked',
  'Content-Length : 3',
  'Content-Length: +3',
  'Content-Length: 0x3',
  'Content-Length: 3, 3',
  'Content-Length: ',
  'Content-Length: 99999999999999999999',
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding: chunked, chunked',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding: identity',
  'Transfer-Encoding: chunked;a',
  'Transfer-Encoding:\x0bchunked',
  'Connection: close, keep-alive',
  'Connection: upgrade',
  'Upgrade: websocket',
  'Expect: 100-continue',
]
const EXTENSIONS = [
  '',
  '',
  '',
  ';a',
  ';a=b',
  ';a="b c"',
  ';a="\\""',
  ' ',
  ' ;a',
  ';',
  ';a=',
  ';a="',
  ';a b',
]
const SIZES = ['0x3', '+3', '-1', '', '3 ', 'g', '00000000000000003', 'fffffffffffffffff', '3\t']
/** One to three requests, of which most are nearly well-formed. */
export function fuzzBytes(chance: Chance): string {
  let text = ''
  const requests = 1 + chance.number(3)
  for (let i = 0; i < requests; i++) text += requestText(chance)
  const mistakes = chance.once(3) ? 1 + chance.number(2) : 0
  for (let i = 0; i < mistakes; i++) text = spoilBytes(text, chance)
  return text
}

function requestText(chance: Chance): string {
  const odd = chance.once(8) ? 1 + chance.number(4) : 0
  const method = chance.of(odd === 1 ? ODD_METHODS : METHODS)
  const target = chance.of(odd === 2 ? ODD_TARGETS : TARGETS)
  const version = chance.of(odd === 3 ? ODD_VERSIONS : VERSIONS.concat('HTTP/1.1', 'HTTP/1.1'))
  const lines: string[] = []
  for (let i = chance.number(5); i > 0; i--) lines.push(chance.of(LINES))
  if (odd === 4) lines.push(chance.of(ODD_LINES))
  const body = bodyText(chance, lines)
  const before = chance.once(12) ? chance.of(['\r\n', '\r\n\r\n', '\n', '\r', ' ']) : ''
  return `${before}${method} ${target} ${version}\r\n${lines.map((each) => `${each}\r\n`).join('')}\r\n${body}`
}

function bodyText(chance: Chance, lines: string[]): string {
  const kind = chance.number(5)
  if (kind < 2) return ''
  const data = 'abc\r\n0 GET / HTTP/1.1\r\n\r\n'.slice(0, chance.number(24))
  if (kind === 2 || chance.once(12)) {
    const length = chance.once(16) ? data.length + chance.number(3) - 1 : data.length
    lines.splice(
      chance.number(lines.length + 1),
      0,
      `Content-Length: ${length}${chance.once(8) ? chance.of([' ', '\t', ' \t']) : ''}`,
    )
    if (kind === 2) return data
  }
  lines.splice(
    chance.number(lines.length + 1),
    0,
    chance.of(['Transfer-Encoding: chunked', 'transfer-encoding:Chunked ']),
  )
  let body = ''
  for (let i = chance.number(3); i > 0; i--) body += chunkText(chance, data)
  const trailers = chance.once(4)
    ? chance.of(['X-T: a\r\n', 'Vary: *\r\nX: y\r\n', ' X: a\r\n', 'X\r\n'])
    : ''
  return `${body}${chance.of(['0', '0', '000', '0;a'])}\r\n${trailers}\r\n`
}
function chunkText(chance: Chance, data: string): string {
  if (data === '') return ''
  const size = chance.once(12) ? chance.of(SIZES) : data.length.toString(16)
  const extension = chance.once(3) ? chance.of(EXTENSIONS) : ''
  return `${size}${extension}\r\n${data}\r\n`
}
