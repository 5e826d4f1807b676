import type { TLSSocket } from 'node:tls'
import { open } from './client.ts'

/* Frames of HTTP/2 (RFC 9113 section 4) by hand, for what no engine sends. */

export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const
export const END_STREAM = 1
export const END_HEADERS = 4
const PREFACE: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Buffer = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}
export const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** A block of headers, each literal and not indexed (RFC 7541 section 6.2.2). */
export function block(headers: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(
    headers.flatMap(([name, value]) => [
      Buffer.from([0]),
      ...[name, value].flatMap((text) => {
        const bytes = Buffer.from(text, 'latin1')
        return [lengthOf(bytes.length), bytes]
      }),
    ]),
  )
}
function lengthOf(length: number): Buffer {
  if (length < 127) return Buffer.from([length])
  const bytes = [127]
  let rest = length - 127
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return Buffer.from([...bytes, rest])
}

export const GET: readonly (readonly [string, string])[] = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':authority', 'localhost'],
  [':path', '/'],
]
export const get = (stream: number, headers = GET): Buffer =>
  frame(FRAME.headers, END_HEADERS | END_STREAM, stream, block(headers))

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

/** A connection of HTTP/2 that sends what a test wants. The preface has been sent. */
export class RawH2 {
  readonly socket: TLSSocket
  readonly frames: Frame[] = []
  closed = false
  #rest = Buffer.alloc(0)

  private constructor(socket: TLSSocket) {
    this.socket = socket
    socket
      .on('error', () => {})
      .on('close', () => {
        this.closed = true
      })
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
  }
  static async open(door: { readonly port: number; readonly ca: string }): Promise<RawH2> {
    const socket = await open({ ...door, tls: { ALPNProtocols: ['h2'] } })
    const raw = new RawH2(socket)
    raw.send(PREFACE, frame(FRAME.settings, 0, 0))
    return raw
  }
  send(...frames: readonly Buffer[]): void {
    if (!this.socket.destroyed) this.socket.write(Buffer.concat(frames))
  }
  /** Codes of the resets that came for a stream. */
  resetsOf(stream: number): readonly number[] {
    return this.frames
      .filter(({ type, stream: of }) => type === FRAME.reset && of === stream)
      .map(({ payload }) => payload.readUInt32BE(0))
  }
  /** Code of the GOAWAY that came. */
  get goaway(): number | undefined {
    return this.frames.findLast(({ type }) => type === FRAME.goaway)?.payload.readUInt32BE(4)
  }
  /** The body of what came for a stream, as text. */
  bodyOf(stream: number): string {
    const data = this.frames.filter((each) => each.type === FRAME.data && each.stream === stream)
    return Buffer.concat(data.map(({ payload }) => payload)).toString()
  }

  #take(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk])
    while (this.#rest.length >= 9) {
      const size = this.#rest.readUIntBE(0, 3)
      if (this.#rest.length < 9 + size) return
      this.frames.push({
        type: this.#rest[3] ?? 0,
        flags: this.#rest[4] ?? 0,
        stream: this.#rest.readUInt32BE(5) & 0x7fffffff,
        payload: Buffer.from(this.#rest.subarray(9, 9 + size)),
      })
      this.#rest = this.#rest.subarray(9 + size)
    }
  }
}
