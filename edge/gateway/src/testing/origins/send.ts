import { once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { connect, type TLSSocket } from 'node:tls'
import { type Answer, AnswerReader } from './answers.ts'
import type { Stream } from './stream.ts'

/** What a client got for a stream. */
export interface Got {
  readonly answers: readonly Answer[]
  /** All that came, latin1. */
  readonly text: string
  /** What should not have happened to the client. */
  readonly fault: string | undefined
}

/** With spoilt bytes, the gateway may wait for more: so long does the client wait without a byte. */
const QUIET_MS = 300
/** Nothing in a stream takes so long. */
const WAIT_MS_MAX = 30_000

/** The public door as clients see it. Keeps a session, so that not every connection costs a whole handshake. */
export class Door {
  readonly #port: number
  readonly #ca: string
  #session: Buffer | undefined

  constructor(port: number, ca: string) {
    this.#port = port
    this.#ca = ca
  }
  async open(localAddress: string): Promise<TLSSocket> {
    const session = this.#session
    const socket = connect({
      ...{ host: '127.0.0.1', port: this.#port, localAddress, ca: this.#ca },
      ...{ servername: 'localhost', ...(session === undefined ? {} : { session }) },
    })
    socket.setNoDelay(true)
    socket.on('session', (fresh: Buffer) => {
      this.#session = fresh
    })
    await once(socket, 'secureConnect')
    return socket
  }
}

/** Sends a stream as it is cut, and reads what comes until all is answered or the connection is over. */
export async function send(door: Door, stream: Stream): Promise<Got> {
  const socket = await door.open(stream.address)
  const listener = new Listener(socket, stream)
  const attackAt = stream.pieces.findIndex((each) => each.fate !== 'served')
  const before = stream.isPatient && attackAt > 0 ? attackAt : 0
  const boundary = stream.pieces.slice(0, before).reduce((sum, each) => sum + each.bytes.length, 0)
  let sent = 0
  for (const cut of [...stream.cuts, boundary].sort((a, b) => a - b)) {
    if (socket.destroyed) break
    if (cut > sent) socket.write(stream.bytes.slice(sent, cut), 'latin1')
    sent = Math.max(sent, cut)
    if (before > 0 && cut === boundary) await listener.until(() => listener.count >= before)
    else await turn()
  }
  const last = stream.pieces.findIndex((each) => each.closes || each.fate === 'ends')
  const all = last === -1 ? stream.pieces.length : Number.POSITIVE_INFINITY
  if (stream.isSpoilt) await listener.quiet()
  else await listener.until(() => listener.count >= all)
  socket.destroy()
  return listener
}

class Listener implements Got {
  readonly #reader: AnswerReader
  readonly #socket: TLSSocket
  readonly #parses: boolean
  text = ''
  fault: string | undefined
  #over = false
  #wake: () => void = () => {}

  constructor(socket: TLSSocket, { pieces, isSpoilt }: Stream) {
    this.#reader = new AnswerReader(pieces.map((each) => each.method))
    this.#socket = socket
    this.#parses = !isSpoilt
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => this.#take(text))
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#over = true
      this.#reader.ended()
      this.#wake()
    })
  }
  get answers(): readonly Answer[] {
    return this.#reader.answers
  }
  get count(): number {
    return this.#reader.answers.length
  }
  async until(holds: () => boolean): Promise<void> {
    const end = Date.now() + WAIT_MS_MAX
    while (!holds() && !this.#over && this.fault === undefined) {
      if (Date.now() >= end)
        this.fault = `nothing for ${WAIT_MS_MAX} ms after ${this.count} answers`
      else await this.#next(WAIT_MS_MAX)
    }
  }
  /** Until nothing comes any more. */
  async quiet(): Promise<void> {
    for (let length = -1; length !== this.text.length && !this.#over; ) {
      length = this.text.length
      await this.#next(QUIET_MS)
    }
  }
  #next(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
  #take(text: string): void {
    if (this.#parses)
      try {
        this.#reader.take(text)
      } catch (error) {
        this.fault ??= String(error)
        this.#socket.destroy()
      }
    else this.text += text
    this.#wake()
  }
}
