import { type FramingError, type HeadFault, responseHeadText } from '@countersign/ground/http1'
import { Refusal, type RefusalCode, renderProblem } from '@countersign/layers'
import { HEADER_BYTES_MAX, HEADERS_MAX, URI_BYTES_MAX } from '../limits.ts'
import type { CoarseClock } from './coarse-clock.ts'

/** What is wrong with bytes that are no request for this door. */
export interface Broken {
  readonly kind: HeadFault['kind'] | FramingError['kind'] | 'slow' | 'connect'
  readonly rule: string
}
export const SLOW_HEAD: Broken = { kind: 'slow', rule: 'the head came too slowly' }
export const CONNECT_REFUSED: Broken = { kind: 'connect', rule: 'CONNECT opens no tunnel here' }

const CODES: Readonly<Record<Broken['kind'], RefusalCode>> = {
  malformed: 'REQUEST_INVALID',
  'head-too-large': 'HEADERS_TOO_LARGE',
  'too-many-headers': 'HEADERS_TOO_LARGE',
  'target-too-long': 'URI_TOO_LONG',
  'extensions-too-large': 'BODY_TOO_LARGE',
  'trailers-too-large': 'HEADERS_TOO_LARGE',
  slow: 'REQUEST_TIMEOUT',
  connect: 'METHOD_NOT_ALLOWED',
}

const BOUNDS: Partial<Record<Broken['kind'], string>> = {
  'head-too-large': `the head has more than ${HEADER_BYTES_MAX} bytes`,
  'too-many-headers': `there are more than ${HEADERS_MAX} headers`,
  'target-too-long': `the address is longer than ${URI_BYTES_MAX} bytes`,
}

/** What was sent is in neither answer nor log; the rule that it breaks is in the log. */
export function refusalOf({ kind, rule }: Broken): Refusal {
  return new Refusal(CODES[kind], {
    rule: `request: ${BOUNDS[kind] ?? rule}`,
    remedy: 'correct the request',
    ...(kind === 'connect'
      ? { headers: { allow: 'GET, POST' } }
      : { detail: 'The request is not well-formed.' }),
  })
}

/** The whole answer to such bytes; the connection ends behind it. */
export function answerBroken(refusal: Refusal, requestId: string, clock: CoarseClock): Buffer {
  const { status, flat, bytes } = answerBrokenWith(refusal, requestId)
  const head = responseHeadText(status, flat, `${clock.closes}\r\n`)
  return Buffer.concat([Buffer.from(head, 'latin1'), bytes])
}

/** The parts of that answer. */
export function answerBrokenWith(
  refusal: Refusal,
  requestId: string,
): { readonly status: number; readonly flat: readonly string[]; readonly bytes: Buffer } {
  const { status, headers, body } = renderProblem(refusal, requestId)
  const bytes = Buffer.from(body)
  const flat = Object.entries(headers).flat()
  flat.push('x-request-id', requestId, 'content-length', String(bytes.length))
  return { status, flat, bytes }
}
