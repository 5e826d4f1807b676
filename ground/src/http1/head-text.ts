import * as FAULTS from './faults.ts'
import type { Framing, HeadFault } from './message.ts'
import type { FieldFacts } from './parse-fields.ts'

/* What requests and answers share. */

export const NO_BODY: Framing = { kind: 'none', bytes: 0 }
const CHUNKED: Framing = { kind: 'chunked', bytes: 0 }
export const UNTIL_CLOSE: Framing = { kind: 'close', bytes: 0 }

/** Up to here a head is looked for where it must be; beyond, its end is searched first, so that no body becomes text. */
const SEARCHED_BYTES_MIN = 1_024
const HEAD_END = Buffer.from('\r\n\r\n')

/** The bytes from `from` on as latin1, as far as a head can reach. */
export function headText(bytes: Buffer, from: number, to: number, bytesMax: number): string {
  let end = Math.min(to, from + bytesMax)
  if (end - from > SEARCHED_BYTES_MIN) {
    const found = bytes.indexOf(HEAD_END, from)
    if (found !== -1 && found + HEAD_END.length < end) end = found + HEAD_END.length
  }
  return bytes.toString('latin1', from, end)
}

/** Where the body of a request ends, RFC 9112 section 6.3; for answers, where they say it themselves. */
export function framingOf(facts: FieldFacts, minor: 0 | 1): Framing | HeadFault {
  if (facts.chunked) {
    if (facts.length !== -1) return FAULTS.codingAndLength
    return minor === 1 ? CHUNKED : FAULTS.codingVersion
  }
  return facts.length === -1 ? NO_BODY : { kind: 'length', bytes: facts.length }
}
