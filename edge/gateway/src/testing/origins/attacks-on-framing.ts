import { type Attack, ends, get, HOST, post, TARGET } from './attack.ts'

/* B01 and B02: where a request ends, and where the next one begins. */

const END = '0\r\n\r\n'
const chunked = (body: string): string => post('Transfer-Encoding: chunked', body)
const named = (kind: string, value: string): string =>
  `${kind} ${JSON.stringify(value).slice(0, 60)}`

const LENGTHS = ['+5', '-1', '0x5', '5 5', '5, 5', '', '5;', '9'.repeat(20), '1e1', '5\x0b', '\xb2']
const CODINGS = [
  ...['xchunked', 'chunked, chunked', 'gzip, chunked', 'identity', 'chunked, identity', ''],
  ...['chunked;q=1', '"chunked"', '\x0bchunked', 'chunked\0', 'chun ked', ',', 'chunked,'],
]

const HEADS: readonly Attack[] = [
  ends('B01 CL and TE', post('Content-Length: 4\r\nTransfer-Encoding: chunked', END)),
  ends('B01 TE and CL', post('Transfer-Encoding: chunked\r\nContent-Length: 4', END)),
  ends('B01 two CL', post('Content-Length: 0\r\nContent-Length: 90', '')),
  ends('B01 the same CL twice', post('Content-Length: 1\r\nContent-Length: 1', 'a')),
  ...LENGTHS.map((each) => ends(named('B01 CL', each), post(`Content-Length: ${each}`, ''))),
  ...CODINGS.map((each) => ends(named('B01 TE', each), post(`Transfer-Encoding: ${each}`, END))),
  ends('B01 two TE', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity', END)),
  ends('B01 TE twice', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked', END)),
  ends('B01 space before the colon of TE', post('Transfer-Encoding : chunked', END)),
  ends('B01 space before the colon of CL', post('Content-Length : 5', '')),
  ends('B01 a folded TE', post('Transfer-Encoding:\r\n chunked', END)),
  ends('B01 a folded header', get('X-A: b\r\n Content-Length: 90')),
  ends('B01 space before a header', `GET ${TARGET} HTTP/1.1\r\n ${HOST}\r\n\r\n`),
  ends('B01 bare LF', `GET ${TARGET} HTTP/1.1\n${HOST}\n\n`),
  ends('B01 bare LF in a head', get('X-A: b\nTransfer-Encoding: chunked')),
  ends('B01 bare LF at its end', `${get('X-A: b').slice(0, -2)}\n`),
  ends('B01 bare CR in a head', get('X-A: b\rTransfer-Encoding: chunked')),
  ends('B01 CR CR LF', get('X-A: b\r')),
  ends('B01 CR LF CR X', get('\rX-A: b')),
  ends('B01 NUL in a value', get('X-A: b\0c')),
  ends('B01 NUL in a name', get('X-A\0: b')),
  ends('B01 a control character in a value', get('X-A: \x1b[2J')),
  ends('B01 no colon', get('X-A')),
  ends('B01 no name', get(': b')),
  ends('B01 TE in HTTP/1.0', chunked(END).replace('HTTP/1.1', 'HTTP/1.0')),
]

const CHUNKS = [
  ...['0x5\r\nhello\r\n', '+5\r\nhello\r\n', '-1\r\n', ' 5\r\nhello\r\n', '5\nhello\r\n', '\r\n'],
  ...[
    '5\r\nhelloX\r\n',
    '5\r\nhello',
    '5\r\nhello\n',
    '5\rX\r\nhello\r\n',
    'g\r\n',
    '5;\0\r\nhello\r\n',
  ],
  ...[
    'fffffffffffffffff\r\n',
    '10000000000000005\r\nhello\r\n',
    '5;a\nb\r\nhello\r\n',
    '5;a="\r\nhello\r\n',
  ],
  ...['5 6\r\nhello\r\n', '\xb5\r\n', '5\r\nhello\r\n\r\n'],
]
const TRAILERS = [
  ...['Content-Length: 5', 'Transfer-Encoding: chunked', 'Authorization: Basic eDp5', 'Host: evil'],
  ...['X : a', ' X-T: a', 'X-T: a\n', 'X-T', 'X-T: \0', 'Connection: close', 'Cookie: a=b', ': a'],
]

const BODIES: readonly Attack[] = [
  ...CHUNKS.map((each) => ends(named('B02', each), chunked(each + END))),
  ...TRAILERS.map((each) => ends(named('B02 trailer', each), chunked(`0\r\n${each}\r\n\r\n`))),
  ends('B02 an end that is none', chunked('5\r\nhello\r\n0\r\n\rX')),
  ends('B02 a long extension', chunked(`5;${'e'.repeat(4_000)}\r\nhello\r\n${END}`)),
  ends('B02 many extensions', chunked(`${`1;${'e'.repeat(300)}\r\na\r\n`.repeat(9)}${END}`)),
  ends('B02 long trailers', chunked(`0\r\nX-T: ${'t'.repeat(9_000)}\r\n\r\n`)),
  ends('B02 many trailers', chunked(`0\r\n${'X-T: t\r\n'.repeat(60)}\r\n`)),
]

export const ATTACKS_ON_FRAMING: readonly Attack[] = [...HEADS, ...BODIES]
