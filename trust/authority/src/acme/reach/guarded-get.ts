import type { ClientRequest, IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { messageOf } from '@countersign/ground/errors'
import { nodeHttp } from '@countersign/ground/http1'
import { RESPONSE_BYTES_MAX, RESPONSE_HEADER_BYTES_MAX } from '../limits.ts'
import { AcmeProblem } from '../problem.ts'
import { UNAUTHENTICATED_TLS } from './unauthenticated-tls.ts'

export interface GetTarget {
  readonly url: URL
  /** Where to connect; the name is not looked up again. */
  readonly address: string
  readonly signal: AbortSignal
}
export interface Got {
  readonly status: number
  readonly location: string | undefined
  readonly body: string
}

/** One GET with bounded headers, body and time, on a connection of its own. Rejects with `AcmeProblem`. */
export async function guardedGet(target: GetTarget): Promise<Got> {
  try {
    const response = await send(target)
    const status = response.statusCode ?? 0
    const { location } = response.headers
    // The body of a redirect is nobody's business.
    const body = status === 200 ? await readBounded(response) : ''
    response.destroy()
    return { status, location, body }
  } catch (cause) {
    if (cause instanceof AcmeProblem) throw cause
    const { hostname } = target.url
    const why = target.signal.aborted ? 'does not answer in time' : 'cannot be reached'
    throw new AcmeProblem('connection', `${hostname} ${why}`, {
      cause: new Error(messageOf(cause)),
    })
  }
}

function send({ url, address, signal }: GetTarget): Promise<IncomingMessage> {
  const secure = url.protocol === 'https:'
  const options = {
    ...{ host: address, port: Number(url.port) || (secure ? 443 : 80), signal, agent: false },
    ...{ path: `${url.pathname}${url.search}`, method: 'GET', setHost: false },
    ...{ maxHeaderSize: RESPONSE_HEADER_BYTES_MAX, insecureHTTPParser: false },
    headers: {
      host: url.host,
      'user-agent': 'countersign-acme',
      accept: '*/*',
      connection: 'close',
    },
  }
  return new Promise((resolve, reject) => {
    const outgoing: ClientRequest = secure
      ? // Who gets a first certificate has none to show yet: what proves the name is the answer, not the connection.
        httpsRequest({ ...options, ...UNAUTHENTICATED_TLS, servername: url.hostname })
      : nodeHttp.request(options)
    outgoing.once('error', reject).once('response', resolve)
    outgoing.once('upgrade', (_, socket) => {
      socket.destroy()
      reject(new Error('the server changes the protocol'))
    })
    outgoing.end()
  })
}

async function readBounded(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > RESPONSE_BYTES_MAX)
      throw new AcmeProblem('incorrectResponse', 'the answer is longer than 1024 octets')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('latin1')
}
