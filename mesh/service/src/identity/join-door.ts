import type { IncomingMessage } from 'node:http'
import { connect, type TLSSocket } from 'node:tls'
import { type Issued, issuedSchema, type Join } from '@countersign/contract/platform'
import { messageOf } from '@countersign/ground/errors'
import { nodeHttp } from '@countersign/ground/http1'
import type { SpiffeId } from '@countersign/ground/spiffe'
import { checkSvid } from '@countersign/ground/x509'
import { DOOR_ANSWER_BYTES_MAX, DOOR_WAIT_MS_MAX } from './limits.ts'

export interface Door {
  readonly host: string
  readonly port: number
}
export type DoorAnswer =
  | { readonly kind: 'issued'; readonly issued: Issued }
  /** The door understood and said no. */
  | { readonly kind: 'refused'; readonly status: number; readonly code: string }
  /** Nobody there, too busy, or not who it should be. `asked`: it may have granted the join, and its answer got lost. */
  | { readonly kind: 'unavailable'; readonly why: string; readonly asked?: boolean }

/**
 * Knocks at one join door. 1. Connects with TLS 1.3 and the bundle. 2. Checks that the other side is exactly `expected`.
 * 3. Only then sends the token. 4. Reads a bounded answer. Never throws.
 */
export async function knock(
  door: Door,
  join: Join,
  options: { expected: SpiffeId; bundle: string },
): Promise<DoorAnswer> {
  const signal = AbortSignal.timeout(DOOR_WAIT_MS_MAX)
  let socket: TLSSocket | undefined
  let asked = false
  try {
    socket = await connectTo(door, options.bundle, signal)
    const certificate = socket.getPeerX509Certificate()
    const peer = certificate === undefined ? undefined : checkSvid(certificate)
    if (!peer?.ok || peer.id !== options.expected) {
      return { kind: 'unavailable', why: 'it did not prove to be an authority' }
    }
    asked = true
    return await send(socket, door, { join, signal })
  } catch (error) {
    return { kind: 'unavailable', why: messageOf(error), asked }
  } finally {
    socket?.destroy()
  }
}

function connectTo(door: Door, bundle: string, signal: AbortSignal): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...{ host: door.host, port: door.port, ca: bundle, minVersion: 'TLSv1.3' },
      // The chain is verified by TLS as always; the name is a SPIFFE id, which `knock` compares.
      checkServerIdentity: () => undefined,
    })
    const fail = (error: Error): void => {
      socket.destroy()
      reject(error)
    }
    const expire = (): void => fail(new Error('no answer in time'))
    signal.addEventListener('abort', expire, { once: true })
    socket.once('error', fail).once('secureConnect', () => {
      signal.removeEventListener('abort', expire)
      resolve(socket)
    })
  })
}

async function send(
  socket: TLSSocket,
  door: Door,
  { join, signal }: { join: Join; signal: AbortSignal },
): Promise<DoorAnswer> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = nodeHttp.request({
      ...{ method: 'POST', path: '/v1/join', host: door.host, port: door.port, signal },
      headers: { 'content-type': 'application/json', connection: 'close' },
      createConnection: () => socket,
    })
    outgoing.once('error', reject).once('response', resolve).end(JSON.stringify(join))
  })
  const body = await readBody(response)
  const { statusCode = 0 } = response
  if (statusCode === 201) return { kind: 'issued', issued: issuedSchema.parse(JSON.parse(body)) }
  const code = codeOf(body)
  const final = statusCode >= 400 && statusCode < 500 && statusCode !== 429
  if (final) return { kind: 'refused', status: statusCode, code }
  return { kind: 'unavailable', why: `it answered ${statusCode} ${code}` }
}

async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > DOOR_ANSWER_BYTES_MAX) throw new Error('the answer is too long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** The code of a problem document, if that is what it is. */
function codeOf(body: string): string {
  try {
    const { code } = JSON.parse(body) as { code?: unknown }
    return typeof code === 'string' && /^[A-Z_]{1,40}$/.test(code) ? code : ''
  } catch {
    return ''
  }
}
