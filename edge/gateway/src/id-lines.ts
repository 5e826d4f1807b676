import { randomFillSync } from 'node:crypto'

/*
 * The ids of a request, as the lines in which they are told: to the client and to services the request id, a UUID (RFC 9562,
 * version 4); to services W3C's traceparent, whose trace id has the digits of that UUID, so that either leads to the other.
 * They are made by the pool, into bytes that hold everything else of the lines already: a request costs one text.
 */
const FORM = `x-request-id: ${uuid('')}\r\ntraceparent: 00-${'0'.repeat(32)}-${'0'.repeat(16)}-01\r\n`
const REQUEST_ID_AT = FORM.indexOf(': ') + 2
const REQUEST_LINE_TO = FORM.indexOf('\n') + 1
const TRACEPARENT_AT = FORM.lastIndexOf(': ') + 2
const TRACE_ID_AT = TRACEPARENT_AT + 3
const SPAN_ID_AT = TRACE_ID_AT + 33
/** Where each of the 32 digits of a UUID stands in it. */
const UUID_PLACES = [...uuid('')].flatMap((sign, place) => (sign === '-' ? [] : [place]))

const POOLED = 256
const TRACE_BYTES = 16
const IDS_BYTES = 24
const random = Buffer.allocUnsafeSlow(POOLED * IDS_BYTES)
const pool = Buffer.from(FORM.repeat(POOLED), 'latin1')
let at = pool.length

/** New lines: of the request id and of the traceparent. */
export function newIdLines(): string {
  if (at === pool.length) refill()
  const lines = pool.toString('latin1', at, at + FORM.length)
  at += FORM.length
  return lines
}
export const requestIdIn = (lines: string): string => lines.slice(REQUEST_ID_AT, REQUEST_ID_AT + 36)
/** The line that clients get. */
export const requestIdLineIn = (lines: string): string => lines.slice(0, REQUEST_LINE_TO)
export const traceparentIn = (lines: string): string => lines.slice(TRACEPARENT_AT, SPAN_ID_AT + 19)
export const traceIdIn = (lines: string): string => lines.slice(TRACE_ID_AT, TRACE_ID_AT + 32)
export const spanIdIn = (lines: string): string => lines.slice(SPAN_ID_AT, SPAN_ID_AT + 16)

function uuid(digits: string): string {
  const all = digits.padEnd(32, '0')
  return [0, 8, 12, 16, 20].map((from, i) => all.slice(from, [8, 12, 16, 20, 32][i])).join('-')
}

function refill(): void {
  randomFillSync(random)
  for (let i = 0; i < POOLED; i++) {
    const from = i * IDS_BYTES
    random[from + 6] = ((random[from + 6] ?? 0) & 0x0f) | 0x40
    random[from + 8] = ((random[from + 8] ?? 0) & 0x3f) | 0x80
    writeIds(i * FORM.length, from)
  }
  at = 0
}
function writeIds(lines: number, from: number): void {
  for (let digit = 0; digit < 2 * IDS_BYTES; digit++) {
    const byte = random[from + (digit >> 1)] ?? 0
    const sign = HEX.charCodeAt(digit % 2 === 0 ? byte >> 4 : byte & 0x0f)
    if (digit < 2 * TRACE_BYTES) {
      pool[lines + REQUEST_ID_AT + (UUID_PLACES[digit] ?? 0)] = sign
      pool[lines + TRACE_ID_AT + digit] = sign
    } else pool[lines + SPAN_ID_AT + digit - 2 * TRACE_BYTES] = sign
  }
}
const HEX = '0123456789abcdef'
