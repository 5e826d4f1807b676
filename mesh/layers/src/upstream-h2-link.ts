import { type ClientHttp2Session, type ClientSessionOptions, connect } from 'node:http2'
import type { Socket } from 'node:net'
import {
  CONNECT_TIMEOUT_MS,
  H2_CONNECTION_WINDOW_BYTES,
  H2_STREAM_WINDOW_BYTES,
  H2_STREAMS_MAX,
  RESPONSE_HEAD_BOUNDS,
} from './limits.ts'
import { UpstreamError } from './upstream-error.ts'
import type { Exchange } from './upstream-exchange.ts'
import { H2Call } from './upstream-h2-call.ts'

/** Who has the connections. */
export interface H2LinkOwner {
  /** It can carry requests. */
  ready(link: H2Link): void
  /** One of its requests is over, or more are allowed. */
  freed(link: H2Link): void
  /** The other side wants no further requests on it. */
  retire(link: H2Link): void
  /** It has ended. */
  gone(link: H2Link): void
}

const OPTIONS: ClientSessionOptions = {
  settings: {
    enablePush: false,
    initialWindowSize: H2_STREAM_WINDOW_BYTES,
    maxHeaderListSize: RESPONSE_HEAD_BOUNDS.headBytesMax,
  },
  maxHeaderListPairs: RESPONSE_HEAD_BOUNDS.headersMax,
  maxReservedRemoteStreams: 0,
  /** Megabytes. */
  maxSessionMemory: 16,
}

/** One connection of HTTP/2. It carries as many requests at once as both sides allow. */
export class H2Link {
  readonly #owner: H2LinkOwner
  readonly #session: ClientHttp2Session
  readonly #socket: Socket
  readonly #calls = new Set<H2Call>()
  /** 0: the other side has not begun to speak. */
  #streamsMax = 0
  readonly #beginning: NodeJS.Timeout
  #retiring = false
  #idleSince = performance.now()
  /** Why the socket has ended. */
  error: Error | undefined

  /** The socket has proven what it leads to. */
  constructor(socket: Socket, owner: H2LinkOwner) {
    this.#owner = owner
    this.#socket = socket
    socket.on('error', (error) => {
      this.error = error
    })
    // The name is of no importance: who is there has been proven, and requests name their authority.
    this.#session = connect('https://upstream', { ...OPTIONS, createConnection: () => socket })
    this.#session.setLocalWindowSize(H2_CONNECTION_WINDOW_BYTES)
    this.#beginning = setTimeout(() => this.destroy(silent()), CONNECT_TIMEOUT_MS)
    this.#session
      .on('remoteSettings', ({ maxConcurrentStreams }) => this.#allowed(maxConcurrentStreams))
      .on('goaway', () => owner.retire(this))
      .on('error', (error) => {
        this.error ??= error
      })
      .on('close', () => {
        clearTimeout(this.#beginning)
        owner.gone(this)
      })
  }
  get size(): number {
    return this.#calls.size
  }
  get hasRoom(): boolean {
    const isOpen = !this.#retiring && !this.#session.closed && !this.#session.destroyed
    return isOpen && this.#calls.size < this.#streamsMax
  }
  /** For how long nothing has run; 0 where something does. */
  idleMs(now: number): number {
    return this.#calls.size > 0 ? 0 : now - this.#idleSince
  }
  send(exchange: Exchange): void {
    if (this.#calls.size === 0) this.#session.ref()
    const call = new H2Call(exchange, this)
    this.#calls.add(call)
    call.start(this.#session)
  }
  /** A request is over. */
  over(call: H2Call): void {
    if (!this.#calls.delete(call)) return
    this.#idleSince = performance.now()
    if (this.#retiring && this.#calls.size === 0) this.#session.close()
    else this.#owner.freed(this)
  }
  /** No further request; it ends with the last one. */
  retire(): void {
    this.#retiring = true
    if (this.#calls.size === 0) this.#session.close()
  }
  /** Nothing is to be expected of it for now: it keeps no process alive. */
  unwatch(): void {
    this.#session.unref()
  }
  destroy(error: UpstreamError): void {
    this.error ??= error
    this.#session.destroy()
    this.#socket.destroy()
  }

  #allowed(streams = H2_STREAMS_MAX): void {
    const begins = this.#streamsMax === 0
    clearTimeout(this.#beginning)
    this.#streamsMax = Math.max(1, Math.min(streams, H2_STREAMS_MAX))
    if (begins) this.#owner.ready(this)
    else this.#owner.freed(this)
  }
}

const silent = (): UpstreamError =>
  new UpstreamError('CONNECT_FAILED', 'it does not begin to speak HTTP/2')
