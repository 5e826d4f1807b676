import { createServer as createPlain, type Server } from 'node:http'
import { createServer as createSecure } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { IncomingMessage, ServerResponse } from 'node:http'

/** A server outside of the mesh: plain, or TLS with a certificate for a host. Keeps what it was asked. */
export class OutsideServer {
  readonly name: string
  readonly seen: { readonly url: string; readonly headers: IncomingMessage['headers'] }[] = []
  readonly #server: Server
  /** Status that it answers with. */
  status = 200
  handler: ((request: IncomingMessage, response: ServerResponse) => void) | undefined
  port = 0

  private constructor(name: string, server: Server) {
    this.name = name
    this.#server = server
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.seen.push({ url: request.url ?? '', headers: request.headers })
      if (this.handler !== undefined) this.handler(request, response)
      else
        response.writeHead(this.status, { server: 'outside' }).end(JSON.stringify({ from: name }))
    })
    server.on('tlsClientError', () => {})
  }
  static async plain(
    name: string,
    at: { readonly host?: string; readonly port?: number } = {},
  ): Promise<OutsideServer> {
    const server = new OutsideServer(name, createPlain())
    server.port = at.port ?? 0
    return await server.listen(at.host)
  }
  /** `shown`: PEM of its certificate and key; `ca`: who signs those of its clients, where it wants them. */
  static async secure(
    name: string,
    shown: { readonly cert: string; readonly key: string },
    ca?: string,
  ): Promise<OutsideServer> {
    const asks = ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: true }
    return await new OutsideServer(name, createSecure({ ...shown, ...asks })).listen()
  }
  async listen(host = '127.0.0.1'): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(this.port, host, resolve))
    this.port = (this.#server.address() as AddressInfo).port
    return this
  }
  /** As after `kill -9`. */
  kill(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }
  get target(): string {
    return `127.0.0.1:${this.port}`
  }
  /** Requests but those of health checks. */
  get asked(): number {
    return this.seen.filter(({ url }) => !url.startsWith('/health')).length
  }
}
