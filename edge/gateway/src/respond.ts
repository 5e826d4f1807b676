import { nodeHttp } from '@countersign/ground/http1'
import {
  addRateHeaders,
  type LimitVerdict,
  rateLines,
  REFUSALS,
  type Refusal,
  renderProblem,
} from '@countersign/layers'
import { isGrpcCall, trailersOnly } from './domain/grpc.ts'
import { addLines, type AnswerLines } from './door/answer-lines.ts'
import { isBodiless } from './door/frame-answer.ts'
import {
  isStrict,
  TRANSPORT_SECURITY,
  TRANSPORT_SECURITY_VALUE,
} from './domain/transport-security.ts'
import type { Exchange } from './exchange.ts'
import { requestIdLineIn } from './id-lines.ts'
import { AnswerWork } from './plugins/answer-work.ts'
import { sameName } from './plugins/headers.ts'
import type { Answered } from './plugins/plugin-exchange.ts'

/** Adds the headers that every answer of the door carries. What has been said of a limit already stays. */
export function addDoorHeaders(exchange: Exchange, flat: string[]): void {
  flat.push('x-request-id', exchange.requestId)
  if (isStrict(exchange.host) && !hasHeader(flat, TRANSPORT_SECURITY))
    flat.push(TRANSPORT_SECURITY, TRANSPORT_SECURITY_VALUE)
  const { limit, plugins, refusal } = exchange
  if (limit !== undefined) {
    // A service has not said any of it: the filter of its headers takes that away.
    if (plugins === undefined && refusal === undefined) addRateHeaders(flat, limit)
    else addMissing(flat, limit)
  }
  addOperatorsHeaders(exchange, flat)
}

const SAYS_STRICT = /(?:^|\n)strict-transport-security:/i

/** The same as lines, for an answer that goes out as it came in: no plugin has said anything of it. */
export function addDoorLines(exchange: Exchange, lines: AnswerLines): AnswerLines {
  const { limit, route, sticky } = exchange
  const said: string[] = []
  if (isStrict(exchange.host) && !SAYS_STRICT.test(lines))
    said.push(TRANSPORT_SECURITY, TRANSPORT_SECURITY_VALUE)
  if (route?.operator !== undefined || sticky !== undefined) addOperatorsHeaders(exchange, said)
  const own = requestIdLineIn(exchange.idLines)
  return addLines(lines, limit === undefined ? own : own + rateLines(limit), said)
}

function addOperatorsHeaders(exchange: Exchange, flat: string[]): void {
  const { route, sticky } = exchange
  if (route?.operator !== undefined) addKongHeaders(exchange, flat)
  if (sticky !== undefined) flat.push('set-cookie', stickyCookie(sticky))
}

function addMissing(flat: string[], limit: LimitVerdict): void {
  const wanted: string[] = []
  addRateHeaders(wanted, limit)
  for (let i = 0; i + 1 < wanted.length; i += 2)
    if (!hasHeader(flat, wanted[i] ?? '')) flat.push(wanted[i] ?? '', wanted[i + 1] ?? '')
}

/** Kong's: its request id, and where the time went, in milliseconds. */
function addKongHeaders({ requestId, startedAt, upstreamMs }: Exchange, flat: string[]): void {
  const totalMs = Math.round(performance.now() - startedAt)
  flat.push('x-kong-request-id', requestId)
  if (upstreamMs === undefined) {
    flat.push('x-kong-response-latency', String(totalMs))
    return
  }
  const waitedMs = Math.min(totalMs, Math.round(upstreamMs))
  flat.push('x-kong-upstream-latency', String(waitedMs))
  flat.push('x-kong-proxy-latency', String(totalMs - waitedMs))
}

/** Only for us, and of no use to scripts or over plain HTTP. */
const stickyCookie = ({ name, path, value }: NonNullable<Exchange['sticky']>): string =>
  `${name}=${value}; Path=${path}; Secure; HttpOnly; SameSite=Lax`

interface Own {
  readonly status: number
  readonly flat: string[]
  /** `undefined`: there is no body, and its length is not told. */
  readonly bytes: Buffer | undefined
  readonly source: 'gateway' | 'plugin'
}

/** Answers a refused request with a problem, unless an answer has begun: then there is only the end of the connection. */
export function respondRefused(exchange: Exchange, refusal: Refusal): void {
  const { status, headers, body } = renderProblem(refusal, exchange.requestId)
  if (isGrpcCall(exchange.request)) {
    const message = refusal.facts.message ?? refusal.facts.detail ?? titleOf(refusal)
    respondGrpc(exchange, { status, message, source: 'gateway' })
    return
  }
  const flat: string[] = ['x-content-type-options', 'nosniff']
  for (const [name, value] of Object.entries(headers)) flat.push(name, value)
  const bytes = Buffer.from(body)
  try {
    respond(exchange, { status, flat, bytes, source: 'gateway' })
  } catch (error) {
    // A header that a plugin's refusal has and that is none must not leave the client without an answer.
    if (!(error instanceof TypeError)) throw error
    const plain = ['content-type', 'application/problem+json', 'cache-control', 'no-store']
    exchange.response.send(status, [...plain, 'x-request-id', exchange.requestId], bytes)
  }
}

/** Answers with what a plugin has given. Throws what a plugin throws that looks at the head. */
export function respondAnswered(exchange: Exchange, answered: Answered): void {
  const { status, headers = [], body = '' } = answered
  if (status >= 400 && isGrpcCall(exchange.request)) {
    respondGrpc(exchange, {
      status,
      message: nodeHttp.STATUS_CODES[status] ?? '',
      source: 'plugin',
    })
    return
  }
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  respond(exchange, { status, flat: [...headers], bytes, source: 'plugin' })
}

/** A client of gRPC looks for what is wrong in the trailers of an answer of HTTP that is none. */
function respondGrpc(
  exchange: Exchange,
  said: { readonly status: number; readonly message: string; readonly source: Own['source'] },
): void {
  const flat = trailersOnly(said.status, said.message)
  respond(exchange, { status: 200, flat, bytes: undefined, source: said.source })
}
const titleOf = ({ code }: Refusal): string => REFUSALS[code].title

function respond(exchange: Exchange, own: Own): void {
  const { response, plugins: asked } = exchange
  if (response.headSent || response.destroyed) {
    response.destroy()
    return
  }
  const { status, flat: shaped } = shape(exchange, own)
  const silent = own.bytes === undefined || isBodiless(exchange.method, status)
  const flat = framed(shaped, own.bytes?.length ?? 0, silent)
  addDoorHeaders(exchange, flat)
  exchange.status = status
  if (asked !== undefined) {
    asked.passage.source = own.source
    asked.passage.answerHeaders = flat
    asked.passage.answerBytes = own.bytes?.length ?? 0
  }
  response.send(status, flat, own.bytes)
}

/** The head as plugins leave it. A refusal is sent all the same where one of them fails: its own fault is on record. */
function shape(exchange: Exchange, own: Own): { readonly status: number; readonly flat: string[] } {
  const { plugins: asked } = exchange
  const { status, flat, source } = own
  if (asked === undefined) return { status, flat }
  try {
    const work = new AnswerWork(asked, { status, flat: [...flat], source })
    return { status: work.status, flat: [...work.headers] }
  } catch (error) {
    if (source === 'plugin') throw error
    return { status, flat }
  }
}

/** Of the headers that frame a message only the length is ours to say: the true one, or where nothing follows one that is told. */
function framed(flat: readonly string[], length: number, bodiless: boolean): string[] {
  const kept: string[] = []
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const lower = flat[i]?.toLowerCase() ?? ''
    const isLength = lower === 'content-length'
    if ((isLength && !bodiless) || FRAMING.has(lower)) continue
    kept.push(flat[i] ?? '', flat[i + 1] ?? '')
  }
  if (!bodiless) kept.push('content-length', String(length))
  return kept
}
const FRAMING: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'transfer-encoding'])

function hasHeader(flat: readonly string[], lower: string): boolean {
  for (let i = 0; i + 1 < flat.length; i += 2) if (sameName(flat[i] ?? '', lower)) return true
  return false
}
