import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'

/* What a server of node:http, with its parser as strict as it is by default, makes of the bytes of a connection. */

export interface NodeRequest {
  readonly method: string
  readonly target: string
  readonly headers: readonly string[]
  body: string
  complete: boolean
}

export class NodeReader {
  readonly #server: Server
  readonly #requests = new Map<number, NodeRequest[]>()
  #port = 0

  private constructor() {
    this.#server = createServer({ requireHostHeader: false, keepAliveTimeout: 60_000 })
    // A client that ends its side still gets what it asked for: so all that was read is seen.
    Object.assign(this.#server, { httpAllowHalfOpen: true, maxHeadersCount: 0 })
    const keep = (request: IncomingMessage, response: ServerResponse): void =>
      this.#keep(request, response)
    this.#server.on('request', keep).on('checkExpectation', keep)
    this.#server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
      // Without it, Node would end the connection behind the answer.
      response.writeContinue()
      keep(request, response)
    })
    this.#server.on('clientError', (_error, socket) => socket.destroy())
    this.#server.on('connect', (_request, socket) => socket.destroy())
  }
  static async start(): Promise<NodeReader> {
    const reader = new NodeReader()
    await new Promise<void>((resolve) => reader.#server.listen(0, '127.0.0.1', resolve))
    const address = reader.#server.address()
    reader.#port = typeof address === 'object' && address !== null ? address.port : 0
    return reader
  }
  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  /** The requests that Node sees, in order, when these are all the bytes of a connection. */
  async read(bytes: string): Promise<readonly NodeRequest[]> {
    const socket = connect(this.#port, '127.0.0.1')
    const port = await new Promise<number>((resolve) => {
      socket.once('connect', () => resolve(socket.localPort ?? 0))
    })
    const seen: NodeRequest[] = []
    this.#requests.set(port, seen)
    await new Promise<void>((resolve) => {
      socket.on('error', () => {}).on('close', () => resolve())
      socket.resume()
      socket.end(Buffer.from(bytes, 'latin1'))
    })
    this.#requests.delete(port)
    return seen
  }

  #keep(request: IncomingMessage, response: ServerResponse): void {
    const socket: Socket = request.socket
    const { method = '', url: target = '', rawHeaders: headers } = request
    const seen: NodeRequest = { method, target, headers, body: '', complete: false }
    this.#requests.get(socket.remotePort ?? 0)?.push(seen)
    request.on('data', (chunk: Buffer) => {
      seen.body += chunk.toString('latin1')
    })
    request.on('error', () => {})
    request.on('end', () => {
      seen.complete = true
      response.end()
    })
  }
}
