import { CR, IS_TOKEN, LF, SPACE } from './characters.ts'
import * as FAULTS from './faults.ts'
import { framingOf, headText } from './head-text.ts'
import { LEADING_LINES_MAX, METHOD_CHARS_MAX } from './limits.ts'
import type { FieldLines, Framing, HeadBounds, HeadFault, RequestHead } from './message.ts'
import { clearFacts, lineEnd, MORE, newFacts, parseFields } from './parse-fields.ts'

/*
 * The head of a request, RFC 9112 sections 2 and 3, in one pass over one string:
 *
 *   method SP target SP HTTP/1.x CR LF  fields  CR LF
 *
 * Not one octet is repaired. Whatever this takes for a request, llhttp in its strict mode takes for the same one.
 */
const METHODS: ReadonlySet<string> = new Set(
  (
    'ACL BIND CHECKOUT CONNECT COPY DELETE GET HEAD LINK LOCK M-SEARCH MERGE MKACTIVITY MKCALENDAR MKCOL MOVE NOTIFY ' +
    'OPTIONS PATCH POST PROPFIND PROPPATCH PURGE PUT QUERY REBIND REPORT SEARCH SUBSCRIBE TRACE UNBIND UNLINK UNLOCK ' +
    'UNSUBSCRIBE'
  ).split(' '),
)
const VERSION = 'HTTP/1.'
const ABSOLUTE = /^https?:\/\/(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{0,5})?(?:[/?][!-~]*)?$/i
const AUTHORITY = /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\]):[0-9]{1,5}$/i

export interface FoundRequest {
  readonly head: RequestHead
  /** Offset in the bytes where the head ends and the body begins. */
  readonly end: number
}

const facts = newFacts()

/**
 * Reads the head of a request from the bytes between `from` and `to`; `undefined` where more of them are needed. Some
 * faults show before the head is whole.
 */
export function parseRequestHead(
  bytes: Buffer,
  from: number,
  to: number,
  bounds: HeadBounds,
): FoundRequest | HeadFault | undefined {
  const start = skipEmptyLines(bytes, from, to)
  if (typeof start !== 'number') return start
  const text = headText(bytes, start, to, bounds.headBytesMax)
  const found = parse(text, bounds)
  if (typeof found === 'number')
    return text.length >= bounds.headBytesMax ? FAULTS.headTooLarge : undefined
  if ('head' in found) found.end += start
  return found
}

function skipEmptyLines(bytes: Buffer, from: number, to: number): number | HeadFault | undefined {
  let at = from
  for (let lines = 0; bytes[at] === CR && at < to; lines++, at += 2) {
    if (at + 1 >= to) return undefined
    if (bytes[at + 1] !== LF) return FAULTS.lineEnd
    if (lines === LEADING_LINES_MAX) return FAULTS.leadingLines
  }
  return at < to ? at : undefined
}

function parse(
  text: string,
  bounds: HeadBounds,
): { head: RequestHead; end: number } | HeadFault | typeof MORE {
  const methodTo = tokenEnd(text)
  if (methodTo === text.length && methodTo <= METHOD_CHARS_MAX) return MORE
  if (text.charCodeAt(methodTo) !== SPACE) return FAULTS.method
  const method = text.slice(0, methodTo)
  if (!METHODS.has(method)) return FAULTS.method
  const targetTo = visibleEnd(text, methodTo + 1)
  if (targetTo - methodTo - 1 > bounds.targetBytesMax) return FAULTS.targetTooLong
  if (targetTo === text.length) return MORE
  if (text.charCodeAt(targetTo) !== SPACE) return FAULTS.targetCharacter
  const target = text.slice(methodTo + 1, targetTo)
  if (target.charCodeAt(0) !== 0x2f && !hasForm(method, target)) return FAULTS.target
  if (method === 'CONNECT' && !AUTHORITY.test(target)) return FAULTS.target
  const fieldsFrom = versionEnd(text, targetTo + 1)
  if (typeof fieldsFrom !== 'number' || fieldsFrom === MORE) return fieldsFrom
  clearFacts(facts)
  const headers: string[] = []
  const end = parseFields(text, fieldsFrom, { headers, facts, headersMax: bounds.headersMax })
  if (typeof end !== 'number' || end === MORE) return end
  const minor = text.charCodeAt(fieldsFrom - 3) === 0x31 ? 1 : 0
  const framing = framingOf(facts, minor)
  if ('rule' in framing) return framing
  const lines = facts.plain ? { text, from: fieldsFrom } : undefined
  return { head: headOf({ method, target, minor, headers, lines, framing }), end }
}

function tokenEnd(text: string): number {
  let at = 0
  while (at < text.length && at <= METHOD_CHARS_MAX && IS_TOKEN[text.charCodeAt(at)] === 1) at++
  return at
}
function visibleEnd(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code <= SPACE || code >= 0x7f) return at
  }
  return text.length
}

/** Forms of a target that do not begin with a slash, RFC 9112 section 3.2. */
function hasForm(method: string, target: string): boolean {
  if (method === 'CONNECT') return true
  return target === '*' ? method === 'OPTIONS' : ABSOLUTE.test(target)
}

/** Behind the line of the request. */
function versionEnd(text: string, at: number): number | HeadFault {
  const digitAt = at + VERSION.length
  if (text.length <= digitAt)
    return VERSION.startsWith(text.slice(at, digitAt)) ? MORE : FAULTS.version
  const digit = text.charCodeAt(digitAt)
  if (!text.startsWith(VERSION, at) || (digit !== 0x30 && digit !== 0x31)) return FAULTS.version
  if (text.length === digitAt + 1) return MORE
  return text.charCodeAt(digitAt + 1) === CR ? lineEnd(text, digitAt + 1) : FAULTS.lineEnd
}

function headOf(read: {
  method: string
  target: string
  minor: 0 | 1
  headers: readonly string[]
  lines: FieldLines | undefined
  framing: Framing
}): RequestHead {
  const { method, target, minor, headers, lines, framing } = read
  return {
    method,
    target,
    minor,
    headers,
    lines,
    framing,
    keepAlive: minor === 1 ? !facts.close : facts.keepAlive && !facts.close,
    expectsContinue: facts.expect === 'continue' && minor === 1,
    upgrade: facts.upgradeNamed ? facts.upgrade : undefined,
  }
}
