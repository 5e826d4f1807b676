import { Agent, request } from 'node:https'
import type { IncomingHttpHeaders } from 'node:http'

export interface Ask {
  readonly method?: string
  readonly path: string
  readonly token?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  /** Sent as it is, in place of a JSON body. */
  readonly raw?: string | Buffer
  readonly timeoutMs?: number
}
export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** The body as JSON; undefined where it is none. */
  readonly json: any
  readonly requestId: string
}

/** The public door, as a client outside sees it: TLS verified against the platform's root, nothing else known. */
export class Door {
  readonly #agent: Agent
  readonly port: number
  readonly ca: string

  /** `shown`: the certificate of a client that has one. */
  constructor(port: number, ca: string, shown: { cert?: string; key?: string } = {}) {
    this.port = port
    this.ca = ca
    this.#agent = new Agent({ ca, ...shown, keepAlive: true, maxSockets: 256 })
  }
  ask(ask: Ask): Promise<Answer> {
    const body = ask.raw ?? (ask.body === undefined ? undefined : JSON.stringify(ask.body))
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          host: 'localhost',
          port: this.port,
          path: ask.path,
          method: ask.method ?? (body === undefined ? 'GET' : 'POST'),
          agent: this.#agent,
          headers: {
            ...(ask.token === undefined ? {} : { authorization: `Bearer ${ask.token}` }),
            ...(body === undefined
              ? {}
              : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
            ...ask.headers,
          },
        },
        (response) => {
          let text = ''
          response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
          response.once('error', reject)
          response.once('end', () =>
            resolve(answerOf(response.statusCode ?? 0, response.headers, text)),
          )
        },
      )
      sent.once('error', reject)
      sent.setTimeout(ask.timeoutMs ?? 15_000, () =>
        sent.destroy(new Error(`no answer to ${ask.path} in time`)),
      )
      sent.end(body)
    })
  }
  close(): void {
    this.#agent.destroy()
  }
}

function answerOf(status: number, headers: IncomingHttpHeaders, text: string): Answer {
  return {
    status,
    headers,
    text,
    json: jsonOf(text),
    requestId: String(headers['x-request-id'] ?? ''),
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The body of an order that is paid. */
export const anOrder = (): object => ({
  items: [{ sku: 'tea', quantity: 2, unitPriceMinor: 450 }],
  currency: 'EUR',
  card: { number: '4242424242424242', expiry: '12/30', holder: 'Ada Lovelace' },
})
