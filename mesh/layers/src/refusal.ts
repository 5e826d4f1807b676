/*
 * Every way in which a door says no. A refusal has two faces: `detail` is for the caller and names nothing of
 * ours; rule, remedy and context are for the audit log and for `countersign explain`.
 */
export type Hinge = 'parse' | 'authenticate' | 'authorise' | 'record' | 'forward'

interface Kind {
  readonly status: number
  readonly hinge: Hinge
  readonly title: string
  /** What Kong says in this case, where it says something: its clients look for it. */
  readonly message?: string
}
function kind(status: number, hinge: Hinge, title: string, message?: string): Kind {
  return { status, hinge, title, ...(message === undefined ? {} : { message }) }
}

export const REFUSALS = {
  BODY_INVALID: kind(400, 'parse', 'The request does not have the declared form', 'Bad request'),
  REQUEST_INVALID: kind(400, 'parse', 'The request is malformed', 'Bad request'),
  ROUTE_UNKNOWN: kind(404, 'parse', 'There is nothing here', 'no Route matched with those values'),
  METHOD_NOT_ALLOWED: kind(405, 'parse', 'This method is not answered here'),
  LENGTH_REQUIRED: kind(411, 'parse', 'The length of the body has to be told'),
  BODY_TOO_LARGE: kind(413, 'parse', 'The body is too large', 'Request size limit exceeded'),
  REQUEST_TIMEOUT: kind(408, 'parse', 'The request came too slowly', 'Request timeout'),
  URI_TOO_LONG: kind(414, 'parse', 'The address is too long', 'Request URI too long'),
  MEDIA_TYPE: kind(415, 'parse', 'This media type is not understood', 'Unsupported media type'),
  HOST_UNKNOWN: kind(421, 'parse', 'This host is not served here'),
  UPGRADE_REQUIRED: kind(426, 'parse', 'Another protocol is required', 'Please use HTTP2 protocol'),
  HEADERS_TOO_LARGE: kind(
    431,
    'parse',
    'The headers are too large',
    'Request header or cookie too large',
  ),
  TOKEN_MISSING: kind(401, 'authenticate', 'A token is required', 'Unauthorized'),
  TOKEN_INVALID: kind(401, 'authenticate', 'The token is not valid', 'Unauthorized'),
  CREDENTIAL_MISSING: kind(401, 'authenticate', 'A credential is required', 'Unauthorized'),
  CREDENTIAL_INVALID: kind(401, 'authenticate', 'The credential is not valid', 'Unauthorized'),
  PEER_UNKNOWN: kind(403, 'authenticate', 'The calling workload is not known'),
  CALLER_FORBIDDEN: kind(403, 'authorise', 'This workload may not call this endpoint'),
  ROLE_MISSING: kind(
    403,
    'authorise',
    'This person may not do this',
    'You cannot consume this service',
  ),
  OPERATOR_DENIED: kind(403, 'authorise', 'The operator has closed this endpoint'),
  NOT_FOUND: kind(404, 'authorise', 'There is nothing here', 'Not found'),
  CONFLICT: kind(409, 'authorise', 'The request conflicts with what is there'),
  RATE_LIMITED: kind(429, 'authorise', 'Too many requests', 'API rate limit exceeded'),
  OVERLOADED: kind(
    503,
    'parse',
    'Too much at once',
    'The upstream server is currently unavailable',
  ),
  DRAINING: kind(503, 'parse', 'This instance is stopping'),
  STARTING: kind(503, 'parse', 'This instance is starting'),
  AUDIT_UNAVAILABLE: kind(503, 'record', 'The act cannot be recorded now'),
  KEYS_UNAVAILABLE: kind(503, 'authenticate', 'Tokens cannot be checked now'),
  NO_INSTANCE: kind(
    503,
    'forward',
    'No instance of the service is available',
    'failure to get a peer from the ring-balancer',
  ),
  UPSTREAM_FAILED: kind(
    502,
    'forward',
    'The service did not answer properly',
    'An invalid response was received from the upstream server',
  ),
  UPSTREAM_TIMEOUT: kind(
    504,
    'forward',
    'The service did not answer in time',
    'The upstream server is timing out',
  ),
  INTERNAL: kind(500, 'forward', 'Something went wrong', 'An unexpected error occurred'),
} as const satisfies Record<string, Kind>
export type RefusalCode = keyof typeof REFUSALS

export interface RefusalFacts {
  /** For the caller. Says what to do; names nothing of ours. */
  readonly detail?: string
  /** For the caller: what Kong says in this case; the kind of refusal has one of its own. */
  readonly message?: string
  /** For the caller: which fields are wrong. */
  readonly errors?: readonly { readonly field: string; readonly message: string }[]
  /** For the log: what decided. */
  readonly rule?: string
  /** For the log: the smallest change that would have let the request pass. */
  readonly remedy?: string
  /** Response headers that belong to the refusal. */
  readonly headers?: Readonly<Record<string, string>>
  /** Where an operator has chosen another status (4xx or 5xx) than that of the code. */
  readonly status?: number
  readonly cause?: unknown
}

/** Thrown by any layer or handler to refuse a request. `renderProblem` is the one place that makes HTTP of it. */
export class Refusal extends Error {
  readonly code: RefusalCode
  readonly facts: RefusalFacts
  constructor(code: RefusalCode, facts: RefusalFacts = {}) {
    super(
      `${code}${facts.rule === undefined ? '' : `: ${facts.rule}`}`,
      facts.cause === undefined ? undefined : { cause: facts.cause },
    )
    this.name = 'Refusal'
    this.code = code
    this.facts = facts
  }
  get status(): number {
    return this.facts.status ?? REFUSALS[this.code].status
  }
  get hinge(): Hinge {
    return REFUSALS[this.code].hinge
  }
}

/** Body of a refusal: RFC 9457, with the request id that `countersign explain` takes; and as Kong's clients know it. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly code: string
  readonly detail?: string
  readonly errors?: readonly { readonly field: string; readonly message: string }[]
  readonly requestId: string
  /** Kong's members. */
  readonly message: string
  readonly request_id: string
}

/** The caller's face of a refusal: status, headers and an `application/problem+json` body. */
export function renderProblem(
  refusal: Refusal,
  requestId: string,
): { status: number; headers: Record<string, string>; body: string } {
  const { status } = refusal
  const { title, message = title }: Kind = REFUSALS[refusal.code]
  const { detail, errors, headers } = refusal.facts
  const problem: Problem = {
    type: `urn:countersign:problem:${refusal.code.toLowerCase().replaceAll('_', '-')}`,
    title,
    status,
    code: refusal.code,
    ...(detail === undefined ? {} : { detail }),
    ...(errors === undefined ? {} : { errors }),
    requestId,
    message: refusal.facts.message ?? message,
    request_id: requestId,
  }
  return {
    status,
    headers: {
      ...headers,
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
    },
    body: JSON.stringify(problem),
  }
}
