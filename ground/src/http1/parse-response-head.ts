import { CR, IS_VALUE, SPACE } from './characters.ts'
import * as FAULTS from './faults.ts'
import { framingOf, headText, NO_BODY, UNTIL_CLOSE } from './head-text.ts'
import type { Framing, HeadBounds, HeadFault, ResponseHead } from './message.ts'
import { clearFacts, lineEnd, MORE, newFacts, parseFields } from './parse-fields.ts'

/*
 * The head of an answer, RFC 9112 section 4, as strict as that of a request:
 *
 *   HTTP/1.x SP 3DIGIT [SP reason] CR LF  fields  CR LF
 */
const VERSION = 'HTTP/1.'
/** `HTTP/1.1 200` */
const STATUS_AT = 9
const STATUS_TO = 12

export interface FoundResponse {
  readonly head: ResponseHead
  /** Offset in the bytes where the head ends and the body begins. */
  readonly end: number
}

const facts = newFacts()

/**
 * Reads the head of an answer from the bytes between `from` and `to`; `undefined` where more of them are needed. The
 * method of its request tells whether it has a body (RFC 9112 section 6.3). Interim answers (1xx) come like others.
 */
export function parseResponseHead(
  bytes: Buffer,
  from: number,
  to: number,
  bounds: HeadBounds,
  requestMethod: string,
): FoundResponse | HeadFault | undefined {
  const text = headText(bytes, from, to, bounds.headBytesMax)
  const fieldsFrom = statusLineEnd(text)
  const headers: string[] = []
  clearFacts(facts)
  const end =
    typeof fieldsFrom === 'number' && fieldsFrom !== MORE
      ? parseFields(text, fieldsFrom, { headers, facts, headersMax: bounds.headersMax })
      : fieldsFrom
  if (typeof end !== 'number') return end
  if (end === MORE) return text.length >= bounds.headBytesMax ? FAULTS.headTooLarge : undefined
  const status = Number(text.slice(STATUS_AT, STATUS_TO))
  const minor = text.charCodeAt(VERSION.length) === 0x31 ? 1 : 0
  const framing = bodyOf(status, minor, requestMethod)
  if ('rule' in framing) return framing
  const stays = minor === 1 ? !facts.close : facts.keepAlive && !facts.close
  const keepAlive = stays && framing.kind !== 'close'
  const lines = facts.plain ? { text, from: Number(fieldsFrom) } : undefined
  return { head: { status, minor, headers, lines, framing, keepAlive }, end: from + end }
}

/** Behind the status line. */
function statusLineEnd(text: string): number | HeadFault {
  const digit = text.charCodeAt(VERSION.length)
  if (text.length <= STATUS_TO) return mayBegin(text) ? MORE : FAULTS.status
  if (!text.startsWith(VERSION) || (digit !== 0x30 && digit !== 0x31)) return FAULTS.version
  if (text.charCodeAt(STATUS_AT - 1) !== SPACE || !isStatus(text)) return FAULTS.status
  let at = STATUS_TO
  if (text.charCodeAt(at) === SPACE)
    while (at < text.length && IS_VALUE[text.charCodeAt(at)] === 1) at++
  if (at === text.length) return MORE
  return text.charCodeAt(at) === CR ? lineEnd(text, at) : FAULTS.lineEnd
}
const mayBegin = (text: string): boolean =>
  VERSION.startsWith(text.slice(0, VERSION.length)) && /^[!-~ ]*$/.test(text)

/** 100 to 999. */
function isStatus(text: string): boolean {
  for (let at = STATUS_AT; at < STATUS_TO; at++) {
    const code = text.charCodeAt(at)
    if (code < (at === STATUS_AT ? 0x31 : 0x30) || code > 0x39) return false
  }
  return true
}

function bodyOf(status: number, minor: 0 | 1, requestMethod: string): Framing | HeadFault {
  const framing = framingOf(facts, minor)
  if ('rule' in framing) return framing
  if (requestMethod === 'HEAD' || status < 200 || status === 204 || status === 304) return NO_BODY
  if (requestMethod === 'CONNECT' && status < 300) return NO_BODY
  return framing === NO_BODY ? UNTIL_CLOSE : framing
}
