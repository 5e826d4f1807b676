import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BodyDecoder } from './body-decoder.ts'
import { FramingError } from './framing-error.ts'
import type { Framing } from './message.ts'
import { BODY_BOUNDS } from './read-requests.fixture.ts'

const CHUNKED: Framing = { kind: 'chunked', bytes: 0 }

/** What comes out of the pieces: the body, how many octets belonged to it, and whether it is whole. */
function decode(pieces: readonly string[], framing: Framing = CHUNKED) {
  const decoder = new BodyDecoder(framing, BODY_BOUNDS)
  let body = ''
  let used = 0
  const sink = {
    data(bytes: Buffer): boolean {
      expect(bytes.length).toBeGreaterThan(0)
      body += bytes.toString('latin1')
      return true
    },
  }
  for (const piece of pieces) {
    const bytes = Buffer.from(piece, 'latin1')
    used += decoder.decode(bytes, 0, bytes.length, sink)
    if (decoder.complete) break
  }
  return { body, used, complete: decoder.complete }
}
const kindOf = (text: string): string | undefined => {
  try {
    decode([text])
    return undefined
  } catch (error) {
    return error instanceof FramingError ? error.kind : 'another'
  }
}

describe('a body', () => {
  it('of a length ends there', () => {
    const framing: Framing = { kind: 'length', bytes: 5 }
    expect(decode(['hel', 'lo', 'x'], framing)).toEqual({ body: 'hello', used: 5, complete: true })
    expect(decode(['helloGET'], framing)).toEqual({ body: 'hello', used: 5, complete: true })
    expect(decode(['hel'], framing)).toEqual({ body: 'hel', used: 3, complete: false })
    expect(decode(['x'], { kind: 'length', bytes: 0 })).toMatchObject({ used: 0, complete: true })
    expect(decode(['x'], { kind: 'none', bytes: 0 })).toMatchObject({ used: 0, complete: true })
  })
  it('up to the end of the connection ends with it', () => {
    const decoder = new BodyDecoder({ kind: 'close', bytes: 0 }, BODY_BOUNDS)
    const sink = { data: () => true }
    expect(decoder.decode(Buffer.from('abc'), 1, 3, sink)).toBe(2)
    expect(decoder.complete).toBe(false)
    expect(decoder.finish()).toBe(true)
    expect(new BodyDecoder({ kind: 'length', bytes: 1 }, BODY_BOUNDS).finish()).toBe(false)
  })
  it('stops behind a piece where the sink has enough', () => {
    const decoder = new BodyDecoder(CHUNKED, BODY_BOUNDS)
    const bytes = Buffer.from('1\r\na\r\n1\r\nb\r\n0\r\n\r\nGET')
    const pieces: string[] = []
    const sink = { data: (piece: Buffer) => pieces.push(piece.toString()) < 0 }
    let at = 0
    while (!decoder.complete) at += decoder.decode(bytes, at, bytes.length, sink)
    expect(pieces).toEqual(['a', 'b'])
    expect(bytes.subarray(at).toString()).toBe('GET')
  })
  it('in chunks is the same however it is cut', () => {
    const chunk = fc.tuple(
      fc.string({ minLength: 1, maxLength: 40 }),
      fc.constantFrom('', ';a', ';a=b;c="d\\"e"'),
    )
    fc.assert(
      fc.property(
        fc.array(chunk),
        fc.boolean(),
        fc.array(fc.nat(400)),
        (chunks, trailers, cuts) => {
          const latin1 = chunks.map(([text]) => Buffer.from(text).toString('latin1'))
          const text = latin1.map(
            (each, i) => `${each.length.toString(16)}${chunks[i]?.[1]}\r\n${each}\r\n`,
          )
          const whole = `${text.join('')}0\r\n${trailers ? 'X-A: b\r\nVary: *\r\n' : ''}\r\n`
          const marks = [...new Set([0, ...cuts, whole.length])].filter((at) => at <= whole.length)
          marks.sort((a, b) => a - b)
          const pieces = marks.slice(1).map((to, i) => whole.slice(marks[i], to))
          const expected = { body: latin1.join(''), used: whole.length, complete: true }
          expect(decode([`${whole}GET / HTTP/1.1`])).toEqual(expected)
          expect(decode(pieces)).toEqual(expected)
        },
      ),
    )
  })
  it.each<[string, string]>([
    ['no size', '\r\n'],
    ['a size that is none', 'x\r\n'],
    ['a size in C', '0x1\r\na\r\n'],
    ['a signed size', '+1\r\na\r\n'],
    ['a size that is too large to count', 'fffffffff\r\n'],
    ['many zeros', '000000000\r\n'],
    ['a space behind the size', '1 \r\na\r\n'],
    ['a space before the extension', '1 ;a\r\na\r\n'],
    ['an extension without name', '1;\r\na\r\n'],
    ['an extension without value', '1;a=\r\na\r\n'],
    ['an extension that does not end', '1;a="b\r\na\r\n'],
    ['something behind a quoted value', '1;a="b"c\r\na\r\n'],
    ['an extension with a control character', '1;a="\0"\r\na\r\n'],
    ['a bare LF behind the size', '1\na\r\n'],
    ['a bare CR behind the size', '1\ra\r\n'],
    ['a bare LF behind the data', '1\r\na\n0\r\n\r\n'],
    ['data over its size', '1\r\nab\r\n'],
    ['a bare LF behind the last chunk', '0\n\r\n'],
    ['a length in the trailers', '0\r\nContent-Length: 5\r\n\r\n'],
    ['a coding in the trailers', '0\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['a credential in the trailers', '0\r\nAuthorization: x\r\n\r\n'],
    ['a host in the trailers', '0\r\nHost: x\r\n\r\n'],
    ['a folded trailer', '0\r\nX: a\r\n b\r\n\r\n'],
    ['a bare LF in the trailers', '0\r\nX: a\n\r\n'],
  ])('is refused with %s', (_what, text) => {
    expect(kindOf(text)).toBe('malformed')
    expect(() => decode([...text])).toThrow(FramingError)
  })
  it('has bounds for what is no body', () => {
    expect(kindOf(`1;${'a'.repeat(2_000)}`)).toBe('extensions-too-large')
    expect(kindOf(`1;${'a'.repeat(600)}\r\na\r\n1;${'a'.repeat(600)}`)).toBe('extensions-too-large')
    expect(kindOf(`0\r\nX: ${'a'.repeat(5_000)}`)).toBe('trailers-too-large')
    expect(kindOf(`0\r\n${'X: a\r\n'.repeat(40)}`)).toBe('trailers-too-large')
  })
})
