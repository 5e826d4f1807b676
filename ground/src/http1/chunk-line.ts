import {
  BACKSLASH,
  CR,
  EQUALS,
  HEX,
  IS_TOKEN,
  IS_VALUE,
  LF,
  QUOTE,
  SEMICOLON,
} from './characters.ts'
import { FramingError } from './framing-error.ts'
import { CHUNK_DIGITS_MAX } from './limits.ts'

/*
 * What stands between the data of two chunks, octet by octet (RFC 9112 section 7.1):
 *
 *   [CR LF of the chunk before]  1*HEXDIG *( ";" token [ "=" ( token / quoted-string ) ] )  CR LF
 *
 * No white space anywhere. Extensions mean nothing here; they are read because they are allowed, up to a bound.
 */

/** Where the reader is. `data`: behind a whole line, whose `size` counts. */
export const CHUNK = {
  afterCr: 0,
  afterLf: 1,
  firstDigit: 2,
  digits: 3,
  name: 4,
  nameMore: 5,
  value: 6,
  valueMore: 7,
  quoted: 8,
  escaped: 9,
  quotedEnd: 10,
  lineFeed: 11,
  data: 12,
} as const
type State = (typeof CHUNK)[keyof typeof CHUNK]

export class ChunkLine {
  state: State = CHUNK.firstDigit
  size = 0
  readonly #extensionBytesMax: number
  #extensionBytes = 0
  #digits = 0

  constructor(extensionBytesMax: number) {
    this.#extensionBytesMax = extensionBytesMax
  }

  /** Reads to the end of a line or of the bytes; gives where it stopped. Throws `FramingError`. */
  read(bytes: Buffer, from: number, to: number): number {
    let at = from
    while (at < to && this.state !== CHUNK.data) this.state = this.#step(bytes[at++] ?? 0)
    return at
  }
  /** The line is read; behind the data of its chunk comes CR LF, unless it was the last one. */
  expectEnd(): void {
    this.state = CHUNK.afterCr
    this.#digits = 0
  }

  #step(code: number): State {
    switch (this.state) {
      case CHUNK.afterCr:
        return code === CR ? CHUNK.afterLf : fail('a chunk does not end with CR LF')
      case CHUNK.afterLf:
        return code === LF ? this.#begin() : fail('a chunk does not end with CR LF')
      case CHUNK.firstDigit:
      case CHUNK.digits:
        return this.#digit(code)
      case CHUNK.lineFeed:
        return code === LF ? CHUNK.data : fail('the line of a chunk does not end with CR LF')
      default:
        if (++this.#extensionBytes > this.#extensionBytesMax)
          throw new FramingError('extensions-too-large', 'the chunk extensions are too large')
        return extension(this.state, code)
    }
  }
  #begin(): State {
    this.size = 0
    return CHUNK.firstDigit
  }
  #digit(code: number): State {
    const digit = HEX[code] ?? 255
    if (digit !== 255) {
      if (++this.#digits > CHUNK_DIGITS_MAX) return fail('the size of a chunk has too many digits')
      this.size = this.size * 16 + digit
      return CHUNK.digits
    }
    if (this.state === CHUNK.firstDigit) return fail('the size of a chunk is no number')
    if (code === CR) return CHUNK.lineFeed
    return code === SEMICOLON ? CHUNK.name : fail('the size of a chunk is no number')
  }
}

function extension(state: State, code: number): State {
  const isToken = IS_TOKEN[code] === 1
  switch (state) {
    case CHUNK.name:
      return isToken ? CHUNK.nameMore : fail('a chunk extension has no name')
    case CHUNK.nameMore:
      if (isToken) return CHUNK.nameMore
      return code === EQUALS ? CHUNK.value : extensionEnd(code)
    case CHUNK.value:
      if (code === QUOTE) return CHUNK.quoted
      return isToken ? CHUNK.valueMore : fail('a chunk extension has no value')
    case CHUNK.valueMore:
      return isToken ? CHUNK.valueMore : extensionEnd(code)
    case CHUNK.quoted:
      if (code === QUOTE) return CHUNK.quotedEnd
      if (code === BACKSLASH) return CHUNK.escaped
      return isQuotable(code) ? CHUNK.quoted : fail('a chunk extension is broken')
    case CHUNK.escaped:
      return isQuotable(code) ? CHUNK.quoted : fail('a chunk extension is broken')
    default:
      return extensionEnd(code)
  }
}
/** Octets above ASCII are left out, which others read in several ways. */
const isQuotable = (code: number): boolean => code < 0x80 && IS_VALUE[code] === 1

function extensionEnd(code: number): State {
  if (code === CR) return CHUNK.lineFeed
  return code === SEMICOLON ? CHUNK.name : fail('a chunk extension is broken')
}

function fail(rule: string): never {
  throw new FramingError('malformed', rule)
}
