import { randomUUID } from 'node:crypto'
import { continueTrace } from '@countersign/ground/telemetry'
import { Refusal, type RefusalCode, renderProblem } from '@countersign/layers'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { z } from 'zod'
import type { Workload } from '../workload.ts'
import { CallError } from '../client/call-error.ts'
import type { OnBehalf } from '../client/client.ts'
import { contextOf } from './context.ts'
import type { Exchange, Route, Step } from './exchange.ts'
import { outcomeEvent } from './record.ts'

const REQUEST_ID = /^[A-Za-z0-9-]{8,64}$/

/** Opens an exchange. Request ids of other workloads are kept, so that one id follows a request through the house. */
export function openExchange(
  route: Route,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Exchange {
  const given = incoming.headers['x-request-id']
  const requestId = typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID()
  const { traceparent } = incoming.headers
  outgoing.setHeader('x-request-id', requestId)
  return {
    route,
    incoming,
    outgoing,
    requestId,
    method: incoming.method ?? '',
    path: incoming.url?.split('?', 1)[0] ?? '',
    trace: continueTrace(typeof traceparent === 'string' ? traceparent : undefined),
    startedAt: performance.now(),
    peer: undefined,
    token: undefined,
    person: undefined,
    limit: undefined,
    permit: undefined,
    downstream: undefined,
    witness: undefined,
  }
}

/** Runs the steps in order; waits only for those that return a promise. */
export async function climb(exchange: Exchange, steps: readonly Step[]): Promise<void> {
  for (const step of steps) {
    const waiting = step(exchange)
    if (waiting !== undefined) await waiting
  }
}

/** Checks the input, calls the handler, checks the reply and answers. The outcome is on record before the answer leaves. */
export async function answer(exchange: Exchange, at: At): Promise<void> {
  const { request, reply, workload } = at
  const { route } = exchange
  const input = Object.assign(contextOf(exchange, workload), readInput(route, request))
  if (route.mounted) {
    reply.hijack()
    // The framework does not look at a reply that it has given away: what is thrown ends here.
    return answerMounted(exchange, input, workload).catch((thrown: unknown) =>
      refuse(exchange, thrown, at),
    )
  }
  const result = await route.handler(input)
  const { status, headers, body } =
    route.endpoint.kind === 'raw' ? rawReply(result) : jsonReply(route, result)
  if (route.endpoint.audited) await workload.audit.recordDurably(outcomeEvent(exchange, status))
  reply.code(status)
  if (headers !== undefined) reply.headers(headers)
  reply.send(body)
  observe(exchange, status, workload)
}

/** The door of a workload. */
export interface Door {
  readonly workload: Workload & OnBehalf
  /** Counts a refusal. */
  refused(code: RefusalCode): void
}
/** Where an exchange takes place. */
export interface At extends Door {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

/** The one place where what was thrown becomes HTTP. */
export async function refuse(
  exchange: Exchange,
  thrown: unknown,
  { reply, workload, refused }: At,
): Promise<void> {
  const refusal = hasGone(exchange) ? callerGone(thrown) : refusalOf(thrown)
  refused(refusal.code)
  if (refusal.code === 'INTERNAL')
    workload.log.error(
      { err: thrown, request: exchange.requestId, action: exchange.route.action },
      'a handler failed',
    )
  workload.audit.record(outcomeEvent(exchange, refusal.status, refusal))
  const { status, headers, body } = renderProblem(refusal, exchange.requestId)
  if (!reply.sent) reply.code(status).headers(headers).send(body)
  // A mounted application has taken the reply over: what it left unsaid is said on Node's own response.
  else if (!exchange.outgoing.headersSent) exchange.outgoing.writeHead(status, headers).end(body)
  else exchange.outgoing.destroy()
  observe(exchange, status, workload)
}

function readInput({ declared, mounted }: Route, request: FastifyRequest): Record<string, unknown> {
  return {
    params: request.params,
    ...(declared.query === undefined
      ? {}
      : { query: check('query', declared.query, request.query) }),
    ...(declared.body === undefined || mounted
      ? {}
      : { body: check('body', declared.body, request.body) }),
  }
}

function check(where: string, schema: z.ZodType, value: unknown): unknown {
  const read = schema.safeParse(value)
  if (read.success) return read.data
  const errors = read.error.issues.slice(0, 16).map((issue) => ({
    field: [where, ...issue.path.map(String)].join('.'),
    message: issue.message,
  }))
  const fields = errors.map((error) => error.field).join(', ')
  throw new Refusal('BODY_INVALID', {
    detail: `Wrong: ${fields}`,
    errors,
    rule: `schema of ${where}: ${fields}`,
    remedy: `send ${where} as the contract declares it`,
  })
}

interface Rendered {
  readonly status: number
  readonly headers: Record<string, string> | undefined
  readonly body: string | Buffer | undefined
}

/** What a handler returns passes its schema too: a field that was not declared cannot leak. */
function jsonReply({ declared, endpoint, action }: Route, result: unknown): Rendered {
  if (declared.reply === undefined)
    return { status: endpoint.status, headers: undefined, body: undefined }
  const read = declared.reply.safeParse(result)
  if (!read.success)
    throw new Error(
      `${action} returned what its contract does not declare: ${z.prettifyError(read.error)}`,
    )
  return {
    status: endpoint.status,
    headers: { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' },
    body: JSON.stringify(read.data),
  }
}

function rawReply(result: unknown): Rendered {
  const { status, headers, body } = result as {
    status: number
    headers?: Record<string, string>
    body?: string | Uint8Array
  }
  return {
    status,
    headers,
    body: typeof body === 'string' || body === undefined ? body : Buffer.from(body),
  }
}

/** A mounted application writes the answer itself, on Node's own objects. */
async function answerMounted(exchange: Exchange, input: object, workload: Workload): Promise<void> {
  const { incoming, outgoing, route } = exchange
  const ended = new Promise<void>((resolve) => {
    // Who has gone before tells it only once.
    if (outgoing.closed) resolve()
    else outgoing.once('close', resolve)
  })
  const handled = async (): Promise<void> => {
    await route.handler(Object.assign(input, { request: incoming, response: outgoing }))
    await ended
  }
  await Promise.race([handled(), ended])
  if (route.endpoint.audited) workload.audit.record(outcomeEvent(exchange, outgoing.statusCode))
  observe(exchange, outgoing.statusCode, workload)
}

function observe(exchange: Exchange, status: number, workload: Workload): void {
  settle(exchange)
  const durationMs = performance.now() - exchange.startedAt
  workload.spans?.end({
    name: exchange.route.action,
    trace: exchange.trace,
    startedAt: Date.now() - durationMs,
    durationMs,
    attributes: {
      'http.request.method': exchange.method,
      'http.response.status_code': status,
      'countersign.request.id': exchange.requestId,
    },
    failed: status >= 500,
  })
  exchange.route.timing(status).observe(durationMs / 1000)
}

/** One answer less is owed; a connection that is to end ends with the last one. */
function settle({ peer }: Exchange): void {
  if (peer === undefined) return
  peer.owed--
  if (peer.owed === 0) peer.leave?.()
}

/** Fastify's own errors, as refusals of ours. */
const PARSE_ERRORS: Readonly<Record<string, RefusalCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'BODY_TOO_LARGE',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'MEDIA_TYPE',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'BODY_INVALID',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'BODY_INVALID',
  FST_ERR_CTP_INVALID_JSON_BODY: 'BODY_INVALID',
}

const hasGone = ({ incoming }: Exchange): boolean => incoming.destroyed && !incoming.complete

/** Nobody is left to answer; the record says what became of the request. */
const callerGone = (thrown: unknown): Refusal =>
  thrown instanceof Refusal
    ? thrown
    : new Refusal('REQUEST_INVALID', {
        rule: 'body: the caller went away before its end',
        remedy: 'send the whole body',
        cause: thrown,
      })

function refusalOf(thrown: unknown): Refusal {
  if (thrown instanceof Refusal) return thrown
  if (thrown instanceof CallError) return refusalOfCall(thrown)
  const code =
    thrown instanceof Error && 'code' in thrown ? PARSE_ERRORS[String(thrown.code)] : undefined
  if (code !== undefined) return new Refusal(code, { rule: `body: ${(thrown as Error).message}` })
  if (thrown instanceof SyntaxError && 'statusCode' in thrown)
    return new Refusal('BODY_INVALID', { detail: 'The body is not JSON', rule: 'body: not JSON' })
  return new Refusal('INTERNAL', { cause: thrown })
}

/** A call that failed and that no handler has dealt with: the fault lies further down the way. */
function refusalOfCall(error: CallError): Refusal {
  const facts = {
    rule: error.message,
    remedy: 'see the event of the called service under the same request id',
    cause: error,
  }
  if (error.status === 429)
    return new Refusal('RATE_LIMITED', {
      ...facts,
      headers: { 'retry-after': String(error.retryAfterSeconds ?? 1) },
    })
  if (error.code === 'TIMEOUT') return new Refusal('UPSTREAM_TIMEOUT', facts)
  if (error.code === 'NO_INSTANCE' || error.status === 503)
    return new Refusal('NO_INSTANCE', { ...facts, headers: { 'retry-after': '1' } })
  return new Refusal('UPSTREAM_FAILED', facts)
}
