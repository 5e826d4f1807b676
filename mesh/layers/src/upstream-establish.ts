import type { Socket } from 'node:net'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import { messageOf } from '@countersign/ground/errors'
import { CONNECT_TIMEOUT_MS, READ_BUFFER_BYTES } from './limits.ts'
import { UpstreamError } from './upstream-error.ts'

/**
 * What is called with the bytes that a connection has read: how many, and where they are. They are overwritten by the
 * next read. False stops the reading until `resume` of the socket.
 */
export type OnRead = (size: number, buffer: Buffer) => boolean

/** Where what is read goes, of `net` and of `tls`, whose types do not tell that they take it as well. */
export interface OnReadOptions {
  readonly buffer: Buffer
  readonly callback: OnRead
}
export type TlsOptions = ConnectionOptions & { readonly onread?: OnReadOptions }

/** What is spoken on a connection, as TLS agrees on it (RFC 7301). */
export type WireProtocol = 'http/1.1' | 'h2'
/** As messages call it. */
export const PROTOCOL_NAMES: Readonly<Record<WireProtocol, string>> = {
  'http/1.1': 'HTTP/1.1',
  h2: 'HTTP/2',
}
/** Who reads what comes: the engine of HTTP/2 takes over the socket itself. */
export const readerFor = (
  protocol: WireProtocol,
  onread: OnReadOptions,
): { readonly onread?: OnReadOptions } => (protocol === 'h2' ? {} : { onread })

/**
 * Makes a connection and proves where it leads to. `done` is called once, later, with the socket that may be used or why
 * there is none. Returns the way to give up; then `done` is not called any more. Never throws.
 */
export type Connector = (
  onRead: OnRead,
  done: (result: Socket | UpstreamError) => void,
) => () => void

export interface Address {
  readonly host: string
  readonly port: number
}

/** How one connection is made. */
export interface Making {
  readonly address: Address
  /** Who is expected there, for messages. */
  readonly whom: string
  /** Begins the connection. May throw. */
  open(onread: OnReadOptions): Socket
  /** When it can be judged. */
  readonly event: 'connect' | 'secureConnect'
  /** CONNECT_TIMEOUT_MS where nothing else is said. */
  readonly timeoutMs?: number | undefined
  /** What is wrong with who answers; `undefined` where nothing is. */
  judge(socket: Socket): string | undefined
}

/** The steps that all connectors share: within its time it is open and judged, or it is none. */
export function establish(
  making: Making,
  onRead: OnRead,
  done: (result: Socket | UpstreamError) => void,
): () => void {
  let socket: Socket
  try {
    socket = making.open({ buffer: Buffer.allocUnsafeSlow(READ_BUFFER_BYTES), callback: onRead })
  } catch (error) {
    // an address that is none
    const failed = setImmediate(() => done(errorOf(making, 'CONNECT_FAILED', error)))
    return () => clearImmediate(failed)
  }
  const settle = (): void => {
    clearTimeout(timer)
    socket.off('error', onError).off('close', onClose)
  }
  const refuse = (error: UpstreamError): void => {
    settle()
    socket.on('error', () => undefined).destroy()
    done(error)
  }
  const onError = (error: Error): void => refuse(errorOf(making, codeOf(error, socket), error))
  const onClose = (): void => refuse(errorOf(making, 'CONNECT_FAILED', 'it hangs up'))
  const onTimeout = (): void => refuse(errorOf(making, 'CONNECT_FAILED', 'took too long'))
  const timer = setTimeout(onTimeout, making.timeoutMs ?? CONNECT_TIMEOUT_MS)
  socket.setNoDelay(true).setKeepAlive(true, 30_000)
  socket.once('error', onError).once('close', onClose)
  socket.once(making.event, () => {
    const fault = making.judge(socket)
    if (fault !== undefined) return refuse(errorOf(making, 'PEER_REFUSED', fault))
    settle()
    done(socket)
  })
  return () => {
    settle()
    socket.on('error', () => undefined).destroy()
  }
}

function errorOf(
  { whom, address }: Making,
  code: 'PEER_REFUSED' | 'CONNECT_FAILED',
  what: unknown,
): UpstreamError {
  const message = `${whom} at ${address.host}:${address.port}: ${messageOf(what)}`
  return new UpstreamError(code, message, what instanceof Error ? { cause: what } : {})
}

/** Errors of certificates are about who answers; all others about whether someone does. */
function codeOf(error: Error, socket: Socket): 'PEER_REFUSED' | 'CONNECT_FAILED' {
  // Null or absent at runtime, whatever the types say, where OpenSSL has found nothing wrong with the chain.
  const verdict: unknown = (socket as Partial<TLSSocket>).authorizationError
  const code = 'code' in error ? String(error.code) : ''
  return typeof verdict === 'string' ||
    /CERT|SIGNATURE|ISSUER|SELF_SIGNED|ERR_SSL|ERR_TLS/.test(code)
    ? 'PEER_REFUSED'
    : 'CONNECT_FAILED'
}
