import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { addressKey, Refusal, renderProblem } from '@countersign/layers'
import { type Buckets, takeFor } from '../domain/rates.ts'
import type { Rate } from '../limits.ts'
import {
  type BoundedHttps,
  discardRest,
  type HttpsBounds,
  openBoundedHttps,
} from './bounded-https.ts'
import type { DoorCertificate } from './door-certificate.ts'
import {
  OUTSIDE_BOUNDS,
  OUTSIDE_DISCARD_BYTES_MAX,
  OUTSIDE_HANDLER_MS_MAX,
  OUTSIDE_IN_FLIGHT_MAX,
  OUTSIDE_PER_ADDRESS,
} from './limits.ts'
import type { OutsideEvents } from './outside-events.ts'
import type { OutsideReply, OutsideRoute } from './outside-route.ts'
import { checkHost, readBody, readTarget } from './read-request.ts'
import { Router } from './router.ts'

export interface OutsideDoorOptions {
  readonly listen: { readonly host: string; readonly port: number }
  /** Where clients reach the door; `undefined`: at the address of the listener. */
  readonly url: string | undefined
  /** Host names and addresses that requests may be for, beside those of `url` and `listen`. */
  readonly names: readonly string[]
  readonly certificate: DoorCertificate
  readonly routes: readonly OutsideRoute[]
  readonly events: OutsideEvents
  readonly bounds?: Partial<HttpsBounds>
  readonly rate?: Rate
  readonly now?: () => number
}
export interface OutsideDoor {
  readonly port: number
  /** Without a slash at the end. */
  readonly baseUrl: string
  /** Takes no new connection, finishes what is in flight. */
  close(): Promise<void>
}

/**
 * The door for clients that are no workloads and prove nothing: readers of lists, ACME clients, a browser. Cheapest
 * refusal first; nothing is read of what will be dropped. Rejects where it cannot listen.
 */
export async function openOutsideDoor(options: OutsideDoorOptions): Promise<OutsideDoor> {
  const { certificate, listen, events } = options
  const door = new Door(options)
  const https = await openBoundedHttps({
    listen,
    secrets: certificate.current(),
    minVersion: 'TLSv1.2',
    bounds: { ...OUTSIDE_BOUNDS, ...options.bounds },
    onRequest: (request, response) => void door.serve(request, response),
    onRefusedBytes: (refusal) => events.refused(refusal, ''),
    onCrowded: () => events.crowded(),
  })
  certificate.keepFresh((secrets) => https.setSecrets(secrets))
  door.baseUrl = baseUrlOf(options, https)
  return {
    port: https.port,
    baseUrl: door.baseUrl,
    close: async () => {
      certificate.close()
      await https.close()
    },
  }
}

function baseUrlOf({ url, listen }: OutsideDoorOptions, { port }: BoundedHttps): string {
  const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host
  return (url ?? `https://${host}:${port}`).replace(/\/+$/, '')
}

class Door {
  readonly #options: OutsideDoorOptions
  readonly #router: Router
  readonly #hosts: ReadonlySet<string>
  readonly #buckets: Buckets = new Map()
  #inFlight = 0
  baseUrl = ''

  constructor(options: OutsideDoorOptions) {
    const { url, names, listen } = options
    const own = [...names, listen.host].map((name) => (name.includes(':') ? `[${name}]` : name))
    this.#options = options
    this.#router = new Router(options.routes)
    this.#hosts = new Set(url === undefined ? own : [...own, new URL(url).hostname])
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = randomUUID()
    try {
      answer(request, response, { ...(await this.#admit(request, response, requestId)), requestId })
    } catch (error) {
      const refusal = error instanceof Refusal ? error : new Refusal('INTERNAL', { cause: error })
      this.#options.events.refused(refusal, requestId)
      answer(request, response, { ...renderProblem(refusal, requestId), requestId })
    } finally {
      discardRest(request, OUTSIDE_DISCARD_BYTES_MAX)
    }
  }

  async #admit(
    request: IncomingMessage,
    response: ServerResponse,
    requestId: string,
  ): Promise<OutsideReply> {
    const address = request.socket.remoteAddress ?? ''
    const now = (this.#options.now ?? Date.now)()
    const rate = this.#options.rate ?? OUTSIDE_PER_ADDRESS
    this.#requirePlace()
    if (!takeFor(this.#buckets, addressKey(address), rate, now))
      throw new Refusal('RATE_LIMITED', retryAfter)
    const { method = '', headers } = request
    checkHost(request, this.#hosts)
    const { path, query } = readTarget(request.url ?? '')
    const { route, params } = this.#router.match(method, path)
    const body = await readBody(request, route)
    const facts = { method, path, params, query, headers, body, address, requestId }
    const reply = await this.#work(response, (signal) =>
      route.handle({ ...facts, baseUrl: this.baseUrl, signal }),
    )
    this.#options.events.answered(route.path, reply.status)
    return reply
  }

  /** A place is for work. Who is still sending holds his connection only: of those each address has its share. */
  async #work(response: ServerResponse, work: Work): Promise<OutsideReply> {
    this.#requirePlace()
    this.#inFlight += 1
    try {
      return await within(response, work)
    } finally {
      this.#inFlight -= 1
    }
  }

  #requirePlace(): void {
    if (!(this.#inFlight < OUTSIDE_IN_FLIGHT_MAX)) throw new Refusal('OVERLOADED', retryAfter)
  }
}

type Work = (signal: AbortSignal) => Promise<OutsideReply> | OutsideReply

const retryAfter = { headers: { 'retry-after': '1' } }

/** A handler that never ends must not hold its place for good. */
async function within(response: ServerResponse, work: Work): Promise<OutsideReply> {
  const stop = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const refusal = new Refusal('UPSTREAM_TIMEOUT', { rule: 'a route took too long' })
    timer = setTimeout(() => reject(refusal), OUTSIDE_HANDLER_MS_MAX).unref()
    response.once('close', () => stop.abort())
  })
  try {
    return await Promise.race([work(stop.signal), late])
  } finally {
    clearTimeout(timer)
    stop.abort()
  }
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  reply: OutsideReply & { requestId: string },
): void {
  if (response.destroyed || response.headersSent) return
  const body = Buffer.from(reply.body)
  const isEmpty = reply.status === 204 || reply.status === 304
  response.writeHead(reply.status, {
    ...reply.headers,
    ...(isEmpty ? {} : { 'content-length': body.length }),
    'x-request-id': reply.requestId,
    'x-content-type-options': 'nosniff',
    // Where the next request begins is not sure while this one is not read to its end.
    ...(request.complete ? {} : { connection: 'close' }),
  })
  response.end(isEmpty || request.method === 'HEAD' ? undefined : body)
}
