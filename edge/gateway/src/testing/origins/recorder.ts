import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Origin } from './piece.ts'

/** A request as an origin saw it. */
export interface Sighting {
  readonly origin: Origin
  readonly method: string
  readonly target: string
  /** Name, value, name, value …, names in lower case. */
  readonly headers: readonly string[]
  /** Latin1, byte by byte. */
  readonly body: string
}

/** What nginx and Apache tell of a request beside what they pass on; they set these whatever came in. */
const TOLD_ORIGIN = 'x-origin-name'
const TOLD_METHOD = 'x-origin-method'
const TOLD_TARGET = 'x-origin-target'
const TOLD_LINE = 'x-origin-line'
/** A connection that ends within a request: its client was cut off. */
const BROKEN_OFF: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'HPE_INVALID_EOF_STATE'])
const LARGE_ANSWER = 'a'.repeat(100_000)

/**
 * Keeps what the origins saw, by the address that the gateway tells them the client has. It serves the origin in this process itself;
 * nginx and Apache pass on to it what they have made of a request.
 */
export class Recorder {
  readonly #sightings = new Map<string, Sighting[]>()
  readonly #server: Server
  /** What no origin should ever meet. */
  readonly faults: string[] = []
  count = 0
  port = 0

  private constructor() {
    this.#server = createServer({ keepAliveTimeout: 60_000, maxHeaderSize: 64 * 1024 })
    this.#server.maxHeadersCount = 0
    this.listenTo(this.#server, undefined)
  }
  static async start(): Promise<Recorder> {
    const recorder = new Recorder()
    const server = recorder.#server
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    recorder.port = typeof address === 'object' && address !== null ? address.port : 0
    return recorder
  }
  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }
  /** What was seen of the client with this address, once. */
  take(address: string): readonly Sighting[] {
    const found = this.#sightings.get(address) ?? []
    this.#sightings.delete(address)
    return found
  }
  /** What nobody has taken. */
  rest(): readonly Sighting[] {
    return [...this.#sightings.values()].flat()
  }

  /** `origin`: whose server this is; `undefined`: one passes on to it who tells. */
  listenTo(server: Server, origin: Origin | undefined): void {
    const who = origin ?? 'passed on'
    const keep = (request: IncomingMessage, response: ServerResponse): void =>
      this.#keep(request, response, origin)
    server.on('request', keep)
    server.on('clientError', (error: NodeJS.ErrnoException & { rawPacket?: Buffer }, socket) => {
      const { code = '', rawPacket } = error
      if (!BROKEN_OFF.has(code))
        this.faults.push(`${who}: ${code}: ${JSON.stringify(rawPacket?.toString('latin1'))}`)
      socket.destroy()
    })
    for (const event of ['checkContinue', 'checkExpectation', 'upgrade', 'connect'])
      server.on(event, (request: IncomingMessage) => {
        this.faults.push(`${who}: ${event} of ${request.method} ${request.url}`)
        request.socket.destroy()
      })
  }

  #keep(request: IncomingMessage, response: ServerResponse, origin: Origin | undefined): void {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('error', () => {})
    // Not at all for what broke off: nobody has read that as a request.
    request.on('end', () => {
      if (!request.complete) return
      const sighting = sightingOf(request, Buffer.concat(chunks).toString('latin1'), origin)
      const addresses = valuesOf(sighting.headers, 'x-forwarded-for')
      const address = addresses.join(', ')
      const known = this.#sightings.get(address)
      if (known === undefined) this.#sightings.set(address, [sighting])
      else known.push(sighting)
      this.count++
      answer(response, sighting)
    })
  }
}

export function valuesOf(headers: readonly string[], name: string): string[] {
  const values: string[] = []
  for (let i = 0; i + 1 < headers.length; i += 2)
    if (headers[i] === name) values.push(headers[i + 1] ?? '')
  return values
}

function sightingOf(
  { method = '', url = '', rawHeaders, rawTrailers }: IncomingMessage,
  body: string,
  origin: Origin | undefined,
): Sighting {
  const all = [...rawHeaders, ...rawTrailers].map((each, i) =>
    i % 2 === 0 ? each.toLowerCase() : each,
  )
  if (origin !== undefined) return { origin, method, target: url, headers: all, body }
  const told = (name: string): string => valuesOf(all, name).join(', ')
  const [lineMethod = '', lineTarget = ''] = told(TOLD_LINE).split(' ')
  const headers: string[] = []
  for (let i = 0; i < all.length; i += 2)
    if (all[i]?.startsWith('x-origin-') !== true) headers.push(all[i] ?? '', all[i + 1] ?? '')
  return {
    ...{ origin: told(TOLD_ORIGIN) as Origin, headers, body },
    method: told(TOLD_METHOD) || lineMethod,
    target: told(TOLD_TARGET) || lineTarget,
  }
}

/** Says whose answer it is; of known length, in chunks, or large. */
function answer(response: ServerResponse, { headers, method, target }: Sighting): void {
  const [id = ''] = valuesOf(headers, 'x-request-id')
  const [fuzz = ''] = valuesOf(headers, 'x-fuzz')
  response.setHeader('x-seen', id).setHeader('x-seen-fuzz', fuzz)
  response.setHeader('content-type', 'text/plain')
  if (method === 'HEAD') response.setHeader('content-length', '12345').end()
  else if (target.length % 3 === 0) {
    response.write('in ')
    response.end('chunks')
  } else response.end(target.length % 61 === 0 ? LARGE_ANSWER : 'whole')
}
