import { detached } from '@countersign/ground/http1'

/*
 * Which headers of a client never reach a service, and which of a service never reach a client.
 *
 * - hop by hop (RFC 9110 section 7.6.1), and what a Connection header names besides
 * - what speaks of identity, origin or routing: only this door may say such things, and says them afterwards
 * - the same names with `_` or `.` in place of `-`: some servers read them as the same (CGI, PHP, Java)
 */
export type Verdict = 'keep' | 'drop' | 'connection'

const HOP_BY_HOP = [
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]
/** Set anew by this door. */
const OURS = [
  ...['host', 'content-length', 'expect', 'x-request-id', 'traceparent', 'tracestate'],
  'x-kong-request-id',
]
const CLAIMS = [
  'b3',
  'baggage',
  'countersign-not-started',
  'forwarded',
  'true-client-ip',
  'via',
  'wl-proxy-client-ip',
  'x-consumer',
  'x-email',
  'x-forwarded',
  'x-group',
  'x-groups',
  'x-host',
  'x-id-token',
  'x-identity',
  'x-override-url',
  'x-rewrite-url',
  'x-role',
  'x-roles',
  'x-scheme',
  'x-scope',
  'x-scopes',
  'x-subject',
  'x-user',
  'x-userid',
  'x-userinfo',
  'x-username',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
  'x-anonymous-consumer',
]
const CLAIM_FAMILIES = [
  'cf-',
  'client-cert',
  'fastly-',
  'remote-',
  'ssl-client-',
  'x-account-',
  'x-amzn-oidc-',
  'x-auth-email',
  'x-auth-group',
  'x-auth-id',
  'x-auth-name',
  'x-auth-request-',
  'x-auth-role',
  'x-auth-scope',
  'x-auth-sub',
  'x-auth-user',
  'x-authenticated-',
  'x-azure-',
  'x-b3-',
  'x-client-',
  'x-cluster-',
  'x-consumer-',
  'x-countersign-',
  'x-credential-',
  'x-envoy-',
  'x-forwarded-',
  'x-goog-',
  'x-jwt-',
  'x-middleware-',
  'x-ms-client-principal',
  'x-original-',
  'x-person-',
  'x-proxy-',
  'x-real-',
  'x-remote-',
  'x-spiffe-',
  'x-ssl-',
  'x-tenant-',
  'x-tls-',
  'x-user-',
  'x-webauth-',
]
const REQUEST: ReadonlySet<string> = new Set([...HOP_BY_HOP, ...OURS, ...CLAIMS])

/** A client cannot have these taken away by naming them in a Connection header. */
const FIRM: ReadonlySet<string> = new Set([
  'authorization',
  'content-encoding',
  'content-type',
  'cookie',
  'idempotency-key',
  'if-match',
  'if-none-match',
])

const RESPONSE: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  'countersign-not-started',
  'date',
  'server',
  'traceparent',
  'x-powered-by',
  'x-request-id',
])
const RESPONSE_FAMILIES = ['ratelimit', 'x-countersign-', 'x-kong-', 'x-ratelimit-']

/** What becomes of a client's header. */
export function judgeRequestHeader(name: string): Verdict {
  const plain = name.toLowerCase().replaceAll(/[_.]/g, '-')
  if (plain === 'connection') return 'connection'
  const claims = CLAIM_FAMILIES.some((family) => plain.startsWith(family))
  return claims || REQUEST.has(plain) ? 'drop' : 'keep'
}

/** What becomes of a service's header. Limits are told by this door, which knows all of them. */
export function judgeResponseHeader(name: string): Verdict {
  const plain = name.toLowerCase()
  if (plain === 'connection') return 'connection'
  const ours = RESPONSE_FAMILIES.some((family) => plain.startsWith(family))
  return ours || RESPONSE.has(plain) ? 'drop' : 'keep'
}

/** Names in a Connection header that name a header, in lower case. */
export function namedByConnection(value: string): readonly string[] {
  return value
    .split(',')
    .map((each) => each.trim().toLowerCase())
    .filter((each) => each !== '' && each !== 'close' && each !== 'keep-alive' && !FIRM.has(each))
}

const REMEMBERED_MAX = 512
const REMEMBERED_CHARS_MAX = 64
/** Remembers verdicts by the name as it was written: the same few names come all day. Bounded; never forgets, never grows on. */
export function rememberVerdicts(judge: (name: string) => Verdict): (name: string) => Verdict {
  const known = new Map<string, Verdict>()
  return (name) => {
    const found = known.get(name)
    if (found !== undefined) return found
    const verdict = judge(name)
    if (known.size < REMEMBERED_MAX && name.length <= REMEMBERED_CHARS_MAX)
      known.set(detached(name), verdict)
    return verdict
  }
}
