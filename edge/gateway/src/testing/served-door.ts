import type { TLSSocket } from 'node:tls'
import type { Incoming, Reply } from '../door/asked.ts'
import type { DoorOptions } from '../door/public-door.ts'
import { exchange, open } from './client.ts'
import { createPki } from './pki.ts'
import { type SmallDoor, smallDoor } from './small-door.ts'

/* A public door whose requests are answered by a test, and what to say to it. */

export interface Served {
  readonly request: Incoming
  readonly reply: Reply
}

export class ServedDoor {
  readonly small: SmallDoor
  /** All requests since `reset`. */
  served: Served[] = []
  serve: (each: Served) => void = ok

  private constructor(small: SmallDoor) {
    this.small = small
  }
  static async start(options: Partial<DoorOptions> = {}): Promise<ServedDoor> {
    let door: ServedDoor | undefined
    const small = await smallDoor(await createPki(), {
      ...options,
      onRequest: (request, reply) => door?.handle(request, reply),
    })
    door = new ServedDoor(small)
    return door
  }
  handle(request: Incoming, reply: Reply): void {
    const each = { request, reply }
    this.served.push(each)
    this.serve(each)
  }
  reset(): void {
    this.served = []
    this.serve = ok
  }
  get targets(): string[] {
    return this.served.map((each) => each.request.target)
  }
  connect(): Promise<TLSSocket> {
    return open(this.small)
  }
  /** What comes back, up to the end of the connection or for a while. */
  async talk(text: string): Promise<string> {
    return exchange(await this.connect(), text, 8_000)
  }
}

const ok = ({ reply }: Served): void => reply.send(200, [], Buffer.from('ok'))

export const get = (path: string, ...headers: string[]): string =>
  [`GET ${path} HTTP/1.1`, 'Host: h', ...headers, '', ''].join('\r\n')
/** The last request of a connection. */
export const last = (path: string): string => get(path, 'Connection: close')
export const post = (...headers: string[]): string =>
  ['POST /p HTTP/1.1', 'Host: h', 'Connection: close', ...headers, '', ''].join('\r\n')

export const bodiesOf = (text: string): string[] =>
  text
    .split(/HTTP\/1\.1 [0-9]{3} /)
    .slice(1)
    .map((each) => each.slice(each.indexOf('\r\n\r\n') + 4))

/** One turn of the event loop. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
