import type { Chance } from '@countersign/ground/testkit'

/* Parts of well-formed requests, down to the borderline, each with what has to become of it. */

/** Behind the name of the origin: as it is sent, and in its one form. */
const PATHS: readonly (readonly [string, string])[] = [
  ['', ''],
  ['/', '/'],
  ['/a', '/a'],
  ['/a/b/', '/a/b/'],
  ['/%41%2d%7e', '/A-~'],
  ['/%7euser/%61', '/~user/a'],
  ['/a%20b', '/a%20b'],
  ['/%e2%82%ac', '/%E2%82%AC'],
  ['/%3f%23%3a', '/%3F%23%3A'],
  ["/:@!$&'()*+,=-._~", "/:@!$&'()*+,=-._~"],
  ['/...', '/...'],
  ['/.hidden', '/.hidden'],
  ['/__proto__', '/__proto__'],
  [`/${'x'.repeat(300)}`, `/${'x'.repeat(300)}`],
]
const QUERIES = [
  'a=b',
  'a=%2F..%2f%5c%00',
  'x=/../..//',
  'u=https://evil.test/?y',
  '__proto__=1&constructor=2',
  'a;b=c&&=&',
  '?',
]
/** Apache's strict parser answers 400 to these itself, so they are sent to the others. */
export const QUERIES_UNUSUAL: readonly string[] = ['q="<>|^`{}\\', 'a[]={"b":[1]}']

export const anyPath = (chance: Chance): readonly [string, string] => chance.of(PATHS)
export const anyQuery = (chance: Chance): string => (chance.once(3) ? chance.of(QUERIES) : '')

/** A line, and the header that goes on. */
interface Line {
  readonly line: string
  readonly kept?: readonly [string, string]
}
const KEPT: readonly Line[] = [
  { line: 'Accept: */*', kept: ['accept', '*/*'] },
  { line: 'X-A: b', kept: ['x-a', 'b'] },
  { line: 'X-B:c', kept: ['x-b', 'c'] },
  { line: 'x-b: again', kept: ['x-b', 'again'] },
  { line: 'X-C:  d  e \t', kept: ['x-c', 'd  e'] },
  { line: 'X-D:', kept: ['x-d', ''] },
  { line: 'X-E: \xe9\xff', kept: ['x-e', '\xe9\xff'] },
  { line: 'Cookie: a=b; c="d"', kept: ['cookie', 'a=b; c="d"'] },
  { line: "X!#$%&'*+^`|~9: t", kept: ["x!#$%&'*+^`|~9", 't'] },
  { line: 'X_Under.Dot: u', kept: ['x_under.dot', 'u'] },
  { line: '__proto__: p', kept: ['__proto__', 'p'] },
  { line: 'constructor: c', kept: ['constructor', 'c'] },
  { line: 'Content-Type: text/plain', kept: ['content-type', 'text/plain'] },
  { line: 'Content-Encoding: gzip', kept: ['content-encoding', 'gzip'] },
  { line: 'Range: bytes=0-1', kept: ['range', 'bytes=0-1'] },
  { line: 'If-None-Match: "x"', kept: ['if-none-match', '"x"'] },
  { line: 'Authorization: Basic eDp5', kept: ['authorization', 'Basic eDp5'] },
  { line: 'User-Agent: <script>', kept: ['user-agent', '<script>'] },
  { line: `X-Long: ${'l'.repeat(4_000)}`, kept: ['x-long', 'l'.repeat(4_000)] },
]

/** B07 to B09: hop by hop, identity, origin and routing; also written as servers of CGI would read them. */
const TAKEN_AWAY: readonly Line[] = [
  ...['X-User-Id', 'X-Consumer-Id', 'x-consumer-username', 'X-Consumer-Custom-Id'],
  ...['X-Consumer-Groups', 'X-Credential-Identifier', 'X-Anonymous-Consumer', 'X-Real-IP'],
  ...['X-Authenticated-Groups', 'X-Authenticated-Userid', 'X-Forwarded-Client-Cert', 'Forwarded'],
  ...['X-Forwarded-For', 'X-Forwarded-Uri', 'X-Forwarded-Prefix', 'X-Forwarded-Host', 'Via'],
  ...['X-Forwarded-Proto', 'X-Original-URL', 'X-Rewrite-URL', 'X-HTTP-Method-Override'],
  ...['X_User_Id', 'X.Consumer.Username', 'X_CONSUMER_USERNAME', 'x-forwarded_for', 'X_Real.IP'],
  ...['X-Request-Id', 'X_Request_Id', 'Traceparent', 'Tracestate', 'Baggage', 'X-Kong-Request-Id'],
  ...['X-Countersign-Person', 'X-Person-Id', 'X-Spiffe-Id', 'X-Client-Cert', 'Client-Cert'],
  ...['Keep-Alive', 'Proxy-Connection', 'Proxy-Authorization', 'TE', 'Trailer', 'Remote-User'],
].map((name) => ({ line: `${name}: forged` }))

const CONNECTIONS = [
  'keep-alive',
  'Keep-Alive, x-a',
  'x-a, X-B',
  'authorization, x-forwarded-for, x-consumer-username, cookie, content-type',
  'x-request-id,traceparent,host,content-length',
  ', ,x-c,,',
]
/** A client cannot have these taken away. */
const FIRM = new Set([
  ...['authorization', 'cookie', 'content-type', 'content-encoding', 'if-none-match'],
])

/** Some lines of headers, and what of them goes on. */
export function anyLines(chance: Chance): { lines: string[]; kept: [string, string][] } {
  const chosen: Line[] = []
  const single = new Set<string>()
  for (let i = chance.number(6); i > 0; i--) {
    const line = chance.of(chance.once(3) ? TAKEN_AWAY : KEPT)
    if (single.has(line.line)) continue
    single.add(line.line)
    chosen.push(line)
  }
  const lines = chosen.map((each) => each.line)
  const kept = chosen.flatMap(({ kept }) => (kept === undefined ? [] : [kept]))
  if (!chance.once(6)) return { lines, kept: kept.map(([name, value]) => [name, value]) }
  const connection = chance.of(CONNECTIONS)
  lines.splice(chance.number(lines.length + 1), 0, `Connection: ${connection}`)
  const named = connection.split(',').map((each) => each.trim().toLowerCase())
  return {
    lines,
    kept: kept.flatMap(([name, value]) =>
      named.includes(name) && !FIRM.has(name) ? [] : [[name, value] as [string, string]],
    ),
  }
}

const EXTENSIONS = ['', '', '', '', ';a', ';a=b', ';a="b;c d"', ';x=1;y=2']
const TRAILERS = ['', '', '', '', 'X-T: a\r\n', 'X-Consumer-Username: forged\r\nX-T: b\r\n']

/** A body as it is sent: its lines in the head, and its bytes. */
export function framed(chance: Chance, body: string): { line: string; bytes: string } {
  if (chance.once(2))
    return {
      line: chance.of([`Content-Length: ${body.length}`, `content-length:${body.length} \t`]),
      bytes: body,
    }
  let bytes = ''
  for (let at = 0; at < body.length; ) {
    const length = Math.min(body.length - at, 1 + chance.number(body.length > 2_000 ? 9_000 : 60))
    const hex = length.toString(16)
    const size = chance.of([hex, hex.toUpperCase(), `00${hex}`])
    bytes += `${size}${chance.of(EXTENSIONS)}\r\n${body.slice(at, at + length)}\r\n`
    at += length
  }
  bytes += `${chance.of(['0', '000'])}${chance.of(EXTENSIONS)}\r\n${chance.of(TRAILERS)}\r\n`
  return { line: chance.of(['Transfer-Encoding: chunked', 'transfer-encoding:Chunked ']), bytes }
}
