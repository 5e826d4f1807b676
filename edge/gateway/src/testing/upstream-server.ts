import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { HealthEntry } from '@countersign/contract/platform'
import { createCredential, type Pki } from './pki.ts'

export interface Seen {
  readonly method: string
  readonly url: string
  readonly rawHeaders: readonly string[]
  readonly headers: IncomingMessage['headers']
  readonly body: string
  readonly tlsVersion: string
}
type Handler = (seen: Seen, response: ServerResponse) => void

/** An instance of a service as the gateway meets it: mutual TLS 1.3 with a real certificate. Keeps what it was asked. */
export class UpstreamServer {
  readonly seen: Seen[] = []
  readonly id: string
  readonly name: string
  readonly server: Server
  handler: Handler = (_seen, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ from: this.id }))
  }
  port = 0

  private constructor(name: string, id: string, server: Server) {
    this.name = name
    this.id = id
    this.server = server
    server.on('request', (request, response) => this.#serve(request, response))
    server.on('tlsClientError', () => {})
  }

  /** `as`: the workload whose certificate it shows, if not its own. */
  static async start(pki: Pki, id: string, as?: string): Promise<UpstreamServer> {
    const name = id.replace(/-[0-9]+$/, '')
    const { chain, key } = await createCredential(pki, as ?? name)
    const server = createServer({
      ...{ cert: chain, key, ca: pki.bundle, requestCert: true, rejectUnauthorized: true },
      ...{ minVersion: 'TLSv1.3', keepAliveTimeout: 60_000, ALPNProtocols: ['http/1.1'] },
    })
    const made = new UpstreamServer(name, id, server)
    await made.listen()
    return made
  }
  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(this.port, '127.0.0.1', resolve))
    const address = this.server.address()
    this.port = typeof address === 'object' && address !== null ? address.port : 0
  }
  get entry(): HealthEntry {
    return {
      Node: { Node: 'here', Address: '127.0.0.1', Datacenter: 'local' },
      Service: {
        ...{ ID: this.id, Service: this.name, Address: '127.0.0.1', Port: this.port },
        ...{ Tags: [], Meta: {} },
      },
      Checks: [],
    }
  }
  /** As after `kill -9`. */
  kill(): void {
    this.server.close()
    this.server.closeAllConnections()
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('error', () => {})
    request.on('end', () => {
      const seen: Seen = {
        method: request.method ?? '',
        url: request.url ?? '',
        rawHeaders: request.rawHeaders,
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
        tlsVersion: (request.socket as unknown as { getProtocol(): string }).getProtocol(),
      }
      this.seen.push(seen)
      this.handler(seen, response)
    })
  }
}
