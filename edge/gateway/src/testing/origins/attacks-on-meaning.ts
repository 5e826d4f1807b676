import {
  type Attack,
  ends,
  get,
  HEX_LENGTH,
  HIDDEN,
  HOST,
  ID,
  LENGTH,
  ORIGIN,
  post,
  refused,
  TARGET,
} from './attack.ts'

/* B03, B06, B10 to B12 and B14: what a request asks for, of whom, and how much of it there is. */

const at = (target: string, method = 'GET'): string =>
  `${method} ${target} HTTP/1.1\r\n${HOST}\r\n\r\n`
const withBody = (line: string, more = ''): string =>
  `${line} HTTP/1.1\r\n${HOST}\r\n${more}Content-Length: ${LENGTH}\r\n\r\n${HIDDEN}`

const BODIES: readonly Attack[] = [
  ...['GET', 'HEAD', 'OPTIONS'].map((method) =>
    refused(`B03 ${method} with a body`, withBody(`${method} ${TARGET}`)),
  ),
  refused(
    'B03 GET with chunks',
    `${get('Transfer-Encoding: chunked')}${HEX_LENGTH}\r\n${HIDDEN}\r\n0\r\n\r\n`,
  ),
  refused('B03 a body where there is no route', withBody('POST /nowhere')),
  refused('B03 another expectation', withBody(`POST ${TARGET}`, 'Expect: 200-ok\r\n')),
  refused('B03 two expectations', withBody(`POST ${TARGET}`, 'Expect: 100-continue, x\r\n')),
  refused('B14 a body over its bound', post('Content-Length: 99999999', HIDDEN)),
  ends('B14 a long target', at(`${TARGET}${'t'.repeat(9_000)}`)),
  ends('B14 long headers', get(`X-A: ${'h'.repeat(20_000)}`)),
  ends('B14 many headers', get(Array(120).fill('X-A: b').join('\r\n'))),
]

const LINES: readonly Attack[] = [
  ends('B06 CONNECT', at('localhost:443', 'CONNECT')),
  refused('B06 TRACE', at(TARGET, 'TRACE')),
  refused('B06 PROPFIND', at(TARGET, 'PROPFIND')),
  ends('B06 a method in lower case', at(TARGET, 'get')),
  refused('B06 an absolute target', at(`https://localhost${TARGET}`)),
  refused('B06 an absolute target elsewhere', at('http://evil.test/')),
  refused('B06 OPTIONS *', at('*', 'OPTIONS')),
  refused(
    'B06 h2c',
    get('Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: A'),
  ),
  refused('B06 a websocket', get('Connection: Upgrade\r\nUpgrade: websocket')),
  refused('B06 an upgrade that nobody names', get('Upgrade: x')),
  ends('B06 the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  ends('B06 HTTP/0.9', `GET ${TARGET}\r\n`),
  ...['HTTP/1.2', 'HTTP/2.0', 'HTTP/1', 'http/1.1', 'HTTP/1.1 ', 'HTTP/11', 'RTSP/1.0'].map(
    (each) => ends(`B06 ${each}`, `GET ${TARGET} ${each}\r\n${HOST}\r\n\r\n`),
  ),
  ends('B06 two spaces', at(` ${TARGET}`)),
  ends('B06 a space in the target', at(`${TARGET} x`)),
  ends('B06 a tab', at(TARGET).replace(' ', '\t')),
]

const PATHS = [
  ...[
    '/../apache',
    '/%2e%2e/apache',
    '/.%2E/',
    '/./',
    '/.',
    '/..',
    '/%2e',
    '//a',
    '/a//',
    '/..;/a',
  ],
  ...[
    '/a;x=y',
    '/%2f',
    '/%2F..%2f',
    '/%5c',
    '/\\',
    '/%00',
    '/%0d%0aX:%20y',
    '/%252e%252e/',
    '/%25',
  ],
  ...[
    '/%3b',
    '/%1b',
    '/%c0%af',
    '/%e0%80%af',
    '/%u002e',
    '/%zz',
    '/%',
    '/%ff',
    '/%7f',
    '/<a>',
    '/"',
  ],
  ...['/{}', '/a|b', '/^', '/[', '/`'],
]
const TARGETS: readonly Attack[] = [
  ...PATHS.map((each) => refused(`B10 ${each}`, at(`${ORIGIN}${each}?fuzz=${ID}`))),
  refused('B10 a fragment', at(`${TARGET}#x`)),
  ends('B10 bytes beyond ASCII', at(`${TARGET}\xe9`)),
  ends('B10 NUL', at(`${TARGET}\0`)),
  refused('B11 a prefix that is no segment', at(`${ORIGIN}x/a?fuzz=${ID}`)),
  refused('B11 another case', at(`/KEYED${ORIGIN}?fuzz=${ID}`)),
  refused('B11 a route that wants a key, without', at(`/keyed${ORIGIN}/a?fuzz=${ID}`)),
  refused('B11 up from a stripped prefix', at(`/keyed${ORIGIN}/../a?fuzz=${ID}`)),
  refused('B11 up from it, escaped', at(`/keyed${ORIGIN}%2f..%2f?fuzz=${ID}`)),
]

const REFUSED_HOSTS = [
  'X-A: b',
  ...['', 'localhost.', 'x@localhost', 'localhost:99999', 'localhost:x', 'local host'].map(
    hostLine,
  ),
  ...['localhost, evil', '127.0.0.1', '[::1]', 'evil.test', 'localhost/a', '_'].map(hostLine),
  ...['%6cocalhost', 'localhost#', 'xn--localhost', 'localhost\xe9', 'localhost\\'].map(hostLine),
]
const HOSTS: readonly Attack[] = [
  ...REFUSED_HOSTS.map((each) => refused(`B12 ${JSON.stringify(each)}`, withHost(each))),
  ends('B12 Host twice', withHost('Host: localhost\r\nHost: localhost')),
  ends('B12 two Hosts', withHost('Host: localhost\r\nHost: evil.test')),
  ends('B12 NUL in Host', withHost('Host: localhost\0.evil')),
  ends('B12 CR in Host', withHost('Host: localhost\r.evil')),
  ends('B12 space before the colon of Host', withHost('Host : localhost')),
]

function hostLine(value: string): string {
  return `Host: ${value}`
}
function withHost(lines: string): string {
  return `GET ${TARGET} HTTP/1.1\r\nX-Fuzz: ${ID}\r\n${lines}\r\n\r\n`
}

export const ATTACKS_ON_MEANING: readonly Attack[] = [...BODIES, ...LINES, ...TARGETS, ...HOSTS]
