import type { BodyBounds } from './body-decoder.ts'
import { FramingError } from './framing-error.ts'
import type { FlatHeaders } from './message.ts'
import { clearFacts, MORE, newFacts, parseFields } from './parse-fields.ts'

/** What would change where the message ends, whereto it goes or who sent it (RFC 9110 section 6.5.1). */
const FORBIDDEN: ReadonlySet<string> = new Set([
  'authorization',
  'connection',
  'content-encoding',
  'content-length',
  'content-range',
  'cookie',
  'expect',
  'host',
  'keep-alive',
  'proxy-authorization',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])
const facts = newFacts()

/** The trailers of a chunked body: read and judged. */
export class Trailers {
  complete = false
  /** Once they are complete. */
  headers: FlatHeaders = []
  readonly #bounds: BodyBounds
  #text = ''

  constructor(bounds: BodyBounds) {
    this.#bounds = bounds
  }

  /** Gives the number of bytes that belong to them. Throws `FramingError`. */
  read(bytes: Buffer, from: number, to: number): number {
    const { trailerBytesMax, trailersMax } = this.#bounds
    const held = this.#text.length
    const text = this.#text + bytes.toString('latin1', from, Math.min(to, from + trailerBytesMax))
    const headers: string[] = []
    clearFacts(facts)
    const end = parseFields(text, 0, { headers, facts, headersMax: trailersMax })
    if (typeof end !== 'number') {
      if (end.kind === 'malformed') throw new FramingError('malformed', end.rule)
      throw new FramingError('trailers-too-large', 'there are too many trailers')
    }
    refuseForbidden(headers)
    if (end !== MORE) {
      this.complete = true
      this.headers = headers
      return end - held
    }
    if (text.length >= trailerBytesMax)
      throw new FramingError('trailers-too-large', 'the trailers are too large')
    this.#text = text
    return to - from
  }
}

function refuseForbidden(headers: readonly string[]): void {
  for (let i = 0; i < headers.length; i += 2)
    if (FORBIDDEN.has((headers[i] ?? '').toLowerCase()))
      throw new FramingError('malformed', 'a trailer says what only a header may say')
}
