import { once } from 'node:events'
import { type Agent, request as httpsRequest, type RequestOptions } from 'node:https'
import { connect as connectTcp } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { encodeProxyV2, type ProxyHeader } from '@countersign/ground/http1'

/* A client of the public door, well-behaved or not. */

export interface Answer {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly body: string
  json(): Record<string, unknown>
}
export interface Ask {
  readonly port: number
  readonly ca: string
  readonly method?: string
  readonly path: string
  readonly token?: string
  readonly headers?: Record<string, string | string[]>
  readonly body?: string | Buffer
  readonly agent?: Agent
}

export function ask(options: Ask): Promise<Answer> {
  const { port, ca, method = 'GET', path, token, headers = {}, body, agent } = options
  const wanted: RequestOptions = {
    // No SNI: the Host is an address, or whatever a test puts there.
    ...{ host: '127.0.0.1', port, ca, method, path, servername: '' },
    ...(agent === undefined ? { agent: false } : { agent }),
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }),
      ...headers,
    },
  }
  return new Promise((resolve, reject) => {
    const request = httpsRequest(wanted, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        const { statusCode = 0, headers: got } = response
        resolve({
          status: statusCode,
          headers: got,
          body: text,
          json: () => JSON.parse(text) as never,
        })
      })
    })
    request.on('error', reject)
    request.end(body)
  })
}

/** A TLS connection to the door, after a PROXY header where one is given. */
export async function open(options: {
  port: number
  ca: string
  proxy?: ProxyHeader
  tls?: object
}): Promise<TLSSocket> {
  const raw = connectTcp({ port: options.port, host: '127.0.0.1' })
  await once(raw, 'connect')
  if (options.proxy !== undefined) raw.write(encodeProxyV2(options.proxy))
  const socket = connectTls({
    socket: raw,
    ca: options.ca,
    servername: 'localhost',
    ...options.tls,
  })
  await once(socket, 'secureConnect')
  return socket
}

/** How long the first byte of an answer may take, and how long it is quiet behind the last one. */
const FIRST_MS_MAX = 15_000
const QUIET_MS = 1_000

/**
 * Sends bytes as they are and reads until the other side ends, or `timeoutMs` passes. Without that it is patient with
 * a busy machine until something comes, and takes an answer for whole when nothing follows it.
 */
export async function exchange(
  socket: TLSSocket,
  bytes: string | Buffer,
  timeoutMs?: number,
): Promise<string> {
  const chunks: Buffer[] = []
  socket.on('error', () => {})
  socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  await new Promise<void>((resolve) => {
    let timer = setTimeout(resolve, timeoutMs ?? FIRST_MS_MAX)
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      if (timeoutMs !== undefined) return
      clearTimeout(timer)
      timer = setTimeout(resolve, QUIET_MS)
    })
    socket.once('close', () => {
      clearTimeout(timer)
      resolve()
    })
  })
  socket.destroy()
  return Buffer.concat(chunks).toString('latin1')
}
