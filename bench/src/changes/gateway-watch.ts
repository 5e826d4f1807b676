import { Agent, request } from 'node:https'
import { connect, type Socket } from 'node:net'
import { type TLSSocket, connect as secure } from 'node:tls'
import { encodeProxyV2 } from '@countersign/ground/http1'

const EVERY_MS = 10
const ASK_MS_MAX = 5_000

export interface Watched {
  readonly port: number
  readonly ca: string
  readonly path: string
  /** A response header with a number that each change raises. */
  readonly header: string
  readonly token: string
}

/**
 * Asks one gateway again and again, past the balancer, and notes when it first showed each number. Says itself what the
 * balancer would: who is connected.
 */
export class GatewayWatch {
  readonly name: string
  readonly #watched: Watched
  readonly #agent: Agent
  readonly #seen: { readonly number: number; readonly at: number }[] = []
  readonly #running: Promise<void>
  #closed = false

  constructor(name: string, watched: Watched) {
    this.name = name
    this.#watched = watched
    this.#agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const { port, ca } = watched
    Object.assign(this.#agent, {
      createConnection: (_: unknown, done: (error: Error | null, socket?: TLSSocket) => void) => {
        throughProxy(port).then(
          (socket) => done(null, secure({ socket, ca, servername: 'localhost' })),
          (error: Error) => done(error),
        )
        return undefined
      },
    })
    this.#running = this.#run()
  }

  /** When it first showed this number or a higher one, by `performance.now()`. */
  sawAt(number: number): number | undefined {
    return this.#seen.find((each) => each.number >= number)?.at
  }
  async close(): Promise<void> {
    this.#closed = true
    await this.#running
    this.#agent.destroy()
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      // A gateway that is started anew answers nothing for a moment.
      const number = await this.#ask().catch(() => undefined)
      const last = this.#seen.at(-1)?.number ?? -1
      if (number !== undefined && number > last) this.#seen.push({ number, at: performance.now() })
      await new Promise((done) => setTimeout(done, EVERY_MS))
    }
  }
  #ask(): Promise<number> {
    const { path, header, token } = this.#watched
    return new Promise((resolve, reject) => {
      const headers = { host: 'localhost', authorization: `Bearer ${token}` }
      const sent = request({ path, headers, agent: this.#agent }, (response) => {
        response.resume().once('error', reject)
        response.once('end', () => resolve(Number(response.headers[header] ?? Number.NaN)))
      })
      sent.setTimeout(ASK_MS_MAX, () => sent.destroy(new Error('no answer in time')))
      sent.once('error', reject).end()
    })
  }
}

/** A connection on which the gateway was told, as by its balancer, who is behind it. */
function throughProxy(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const here = { address: '127.0.0.1', port: 1 }
    socket.once('error', reject).once('connect', () => {
      socket.off('error', reject)
      const header = encodeProxyV2({ command: 'proxy', source: here, destination: here })
      socket.write(header, (error) => (error == null ? resolve(socket) : reject(error)))
    })
  })
}
