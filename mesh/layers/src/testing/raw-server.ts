import { once } from 'node:events'
import {
  type AddressInfo,
  createServer as createPlainServer,
  type Server,
  type Socket,
} from 'node:net'
import { createServer, type TlsOptions } from 'node:tls'
import type { TestCredential } from './pki.ts'

/** What a client has sent on one connection so far: heads only, as text. */
export interface Client {
  readonly socket: Socket
  /** 1 for the first connection. */
  readonly number: number
}
type OnBytes = (client: Client, text: string) => void

/** A server that answers with whatever bytes a test likes. */
export class RawServer {
  readonly sockets = new Set<Socket>()
  readonly port: number
  connections = 0
  readonly #server: Server

  private constructor(server: Server, port: number) {
    this.#server = server
    this.port = port
  }
  /** A workload, which shows `credential` and asks for a certificate. */
  static async workload(
    credential: TestCredential,
    bundle: string,
    onBytes: OnBytes,
  ): Promise<RawServer> {
    return RawServer.tls({ ...shown(credential), ca: bundle, requestCert: true }, onBytes)
  }
  static async tls(options: TlsOptions, onBytes: OnBytes): Promise<RawServer> {
    return RawServer.#listen(
      createServer({ ALPNProtocols: ['http/1.1'], ...options }),
      'secureConnection',
      onBytes,
    )
  }
  static async plain(onBytes: OnBytes): Promise<RawServer> {
    return RawServer.#listen(createPlainServer(), 'connection', onBytes)
  }
  static async #listen(server: Server, event: string, onBytes: OnBytes): Promise<RawServer> {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const made = new RawServer(server, (server.address() as AddressInfo).port)
    server.on('tlsClientError', () => undefined)
    server.on(event, (socket: Socket) => {
      const client = { socket, number: ++made.connections }
      made.sockets.add(socket.setNoDelay(true))
      socket.on('close', () => made.sockets.delete(socket)).on('error', () => undefined)
      socket.on('data', (bytes: Buffer) => onBytes(client, bytes.toString('latin1')))
    })
    return made
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

export const shown = ({ chain, key }: TestCredential): { cert: string; key: string } => ({
  cert: chain,
  key,
})
