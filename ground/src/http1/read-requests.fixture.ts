import { BodyDecoder } from './body-decoder.ts'
import { isFault } from './faults.ts'
import { FramingError } from './framing-error.ts'
import type { HeadBounds, RequestHead } from './message.ts'
import { parseRequestHead } from './parse-request-head.ts'

/* Reads a connection's bytes as the door does, for tests: request after request, however they are cut. */

export const BOUNDS: HeadBounds = { headBytesMax: 16_384, headersMax: 100, targetBytesMax: 8_192 }
export const BODY_BOUNDS = { extensionBytesMax: 1_024, trailerBytesMax: 4_096, trailersMax: 32 }

export interface ReadRequest {
  readonly head: RequestHead
  readonly body: string
  /** False: the bytes ended before the body did. */
  readonly complete: boolean
}
export interface ReadConnection {
  readonly requests: readonly ReadRequest[]
  /** The rule that was broken; nothing behind it is read. */
  readonly fault: string | undefined
}

export function readRequests(pieces: readonly Buffer[]): ReadConnection {
  const requests: (ReadRequest & { body: string; complete: boolean })[] = []
  let decoder: BodyDecoder | undefined
  let closed = false
  let held = Buffer.alloc(0)
  const sink = {
    data(bytes: Buffer): boolean {
      const last = requests.at(-1)
      if (last !== undefined) last.body += bytes.toString('latin1')
      return true
    },
  }
  const readBody = (from: number): number => {
    const used = decoder?.decode(held, from, held.length, sink) ?? 0
    const last = requests.at(-1)
    if (decoder?.complete !== true || last === undefined) return used
    last.complete = true
    const { keepAlive, method, upgrade } = last.head
    closed = !keepAlive || method === 'CONNECT' || upgrade !== undefined
    decoder = undefined
    return used
  }
  const readHead = (from: number): number | undefined => {
    const found = parseRequestHead(held, from, held.length, BOUNDS)
    if (found === undefined) return undefined
    if (isFault(found)) throw new FramingError('malformed', found.rule)
    requests.push({ head: withOwnLines(found.head), body: '', complete: false })
    decoder = new BodyDecoder(found.head.framing, BODY_BOUNDS)
    return found.end - from + readBody(found.end)
  }
  try {
    for (const piece of pieces) {
      held = Buffer.concat([held, piece])
      let at = 0
      while (at < held.length && !closed) {
        const used = decoder === undefined ? readHead(at) : readBody(at)
        if (used === undefined) break
        at += used
      }
      held = held.subarray(at)
    }
  } catch (error) {
    if (!(error instanceof FramingError)) throw error
    return { requests, fault: error.rule }
  }
  return { requests, fault: undefined }
}

/** The head without what stands around its lines, which depends on how the bytes were cut. Throws where they are not its fields. */
function withOwnLines({ lines, ...head }: RequestHead): RequestHead {
  if (lines === undefined) return head
  const { headers } = head
  let said = ''
  for (let i = 0; i < headers.length; i += 2) said += `${headers[i]}: ${headers[i + 1]}\r\n`
  const { text, from } = lines
  if (text.slice(from, from + said.length + 2) !== `${said}\r\n`)
    throw new Error(`these are not the lines of the head: ${JSON.stringify(text)}`)
  return { ...head, lines: { text: said, from: 0 } }
}
