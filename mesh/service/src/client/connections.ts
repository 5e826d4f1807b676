import { connect as connectTls, type TLSSocket } from 'node:tls'
import { workloadId } from '@countersign/contract'
import type { HealthEntry } from '@countersign/contract/platform'
import { messageOf } from '@countersign/ground/errors'
import type { Log } from '@countersign/ground/telemetry'
import { checkSvid } from '@countersign/ground/x509'
import { Pool } from 'undici'
import { CONNECTIONS_PER_INSTANCE_MAX, REPLY_BYTES_MAX } from '../limits.ts'
import type { Identity, Instances } from '../workload.ts'
import { CallError } from './call-error.ts'

export interface Outgoing {
  readonly method: string
  readonly path: string
  /** Flat: name, value, name, value. */
  readonly headers: string[]
  readonly body: string | undefined
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
  /** Whether it may be sent a second time. */
  readonly repeatable: boolean
}
export interface Received {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  /** What the other side has proven. */
  readonly proof: Readonly<Record<string, string>>
}
/** Sends requests to instances of services, each proven by its certificate. */
export interface Connections {
  send(service: string, outgoing: Outgoing): Promise<Received>
  close(): Promise<void>
}

export interface ConnectionsOptions {
  readonly trustDomain: string
  readonly identity: Identity
  readonly log: Log
  /** Where the instances of a service are. */
  instances(name: string): Instances
  /** Under which name the instances must prove themselves, where that is not the service of the contract. */
  readonly name?: string
}

export function createConnections(options: ConnectionsOptions): Connections {
  const services = new Map<string, { watch: Instances; lines: Map<string, Line> }>()
  const linesOf = (service: string): { watch: Instances; lines: Map<string, Line> } => {
    let found = services.get(service)
    if (found === undefined) {
      found = { watch: options.instances(service), lines: new Map() }
      const { watch, lines } = found
      watch.onChange(() => prune(lines, watch.current()))
      services.set(service, found)
    }
    return found
  }
  const pick = (service: string, not: Line | undefined): Line | undefined => {
    const { watch, lines } = linesOf(service)
    const candidates = watch
      .current()
      .map((entry) => lineTo(lines, entry, options, options.name ?? service))
    const others = candidates.filter((line) => line !== not)
    const usable = others.length > 0 ? others : candidates
    return usable.reduce<Line | undefined>(
      (best, line) => (best === undefined || line.load() < best.load() ? line : best),
      undefined,
    )
  }
  return {
    async send(service, outgoing) {
      const first = pick(service, undefined)
      if (first === undefined)
        throw new CallError('NO_INSTANCE', `no instance of ${service} is known`)
      try {
        return await first.send(outgoing)
      } catch (error) {
        const again =
          outgoing.repeatable || (error instanceof CallError && error.context.unsent === true)
        const second = again ? pick(service, first) : undefined
        if (second === undefined || (error instanceof CallError && error.code === 'TIMEOUT'))
          throw error
        return second.send(outgoing)
      }
    },
    async close() {
      for (const { watch, lines } of services.values()) {
        watch.close()
        for (const line of lines.values()) await line.close()
      }
    },
  }
}

function lineTo(
  lines: Map<string, Line>,
  entry: HealthEntry,
  options: ConnectionsOptions,
  name: string,
): Line {
  const { Address, Port } = entry.Service
  const key = `${Address}:${Port}`
  let line = lines.get(key)
  if (line === undefined) {
    line = new Line({
      host: Address,
      port: Port,
      expected: workloadId(options.trustDomain, name),
      identity: options.identity,
      log: options.log,
    })
    lines.set(key, line)
  }
  return line
}

function prune(lines: Map<string, Line>, entries: readonly HealthEntry[]): void {
  const alive = new Set(entries.map(({ Service }) => `${Service.Address}:${Service.Port}`))
  for (const [key, line] of lines) {
    if (alive.has(key)) continue
    lines.delete(key)
    void line.close()
  }
}

/** Connections to one instance, renewed when our certificate is. */
class Line {
  readonly #to: { host: string; port: number; expected: string; identity: Identity; log: Log }
  #pool: Pool
  #inFlight = 0
  #failedAt = 0
  #proof: Record<string, string> = {}
  readonly #unlisten: () => void

  constructor(to: { host: string; port: number; expected: string; identity: Identity; log: Log }) {
    this.#to = to
    this.#pool = this.#open()
    this.#unlisten = to.identity.onChange(() => {
      const old = this.#pool
      this.#pool = this.#open()
      old.close().catch(() => undefined)
    })
  }
  /** An instance that has failed a moment ago is used only when there is no other. */
  load(): number {
    return this.#inFlight + (Date.now() - this.#failedAt < 1_000 ? 1e6 : 0)
  }
  async send(outgoing: Outgoing): Promise<Received> {
    this.#inFlight += 1
    try {
      const answer = await this.#pool.request({
        method: outgoing.method as 'GET',
        path: outgoing.path,
        headers: outgoing.headers,
        body: outgoing.body ?? null,
        headersTimeout: outgoing.timeoutMs,
        bodyTimeout: outgoing.timeoutMs,
        ...(outgoing.signal === undefined ? {} : { signal: outgoing.signal }),
      })
      return {
        status: answer.statusCode,
        headers: answer.headers as Record<string, string>,
        body: await read(answer.body),
        proof: this.#proof,
      }
    } catch (error) {
      this.#failedAt = Date.now()
      throw callError(error, this.#to)
    } finally {
      this.#inFlight -= 1
    }
  }
  async close(): Promise<void> {
    this.#unlisten()
    await this.#pool.close()
  }

  #open(): Pool {
    const { host, port } = this.#to
    return new Pool(`https://${host}:${port}`, {
      connections: CONNECTIONS_PER_INSTANCE_MAX,
      pipelining: 1,
      keepAliveTimeout: 60_000,
      connect: (_options, callback) => this.#connect(callback),
    })
  }
  /** The certificate of the other side is checked before a byte of ours leaves; host names mean nothing here. */
  #connect(callback: (error: Error | null, socket: any) => void): void {
    const { host, port, identity, expected } = this.#to
    const { key, chain } = identity.current()
    const socket: TLSSocket = connectTls({
      host,
      port,
      key,
      cert: chain,
      ca: identity.bundle(),
      minVersion: 'TLSv1.3',
      ALPNProtocols: ['http/1.1'],
      checkServerIdentity: () => undefined,
      noDelay: true,
    } as never)
    const fail = (error: Error): void => callback(error, null)
    socket.once('error', fail)
    socket.once('secureConnect', () => {
      const certificate = socket.getPeerX509Certificate()
      const svid = certificate === undefined ? undefined : checkSvid(certificate)
      if (svid?.ok !== true || svid.id !== expected) {
        socket.destroy()
        return fail(
          Object.assign(
            new Error(
              `expected ${expected}, met ${svid?.ok === true ? svid.id : (svid?.fault ?? 'nobody')}`,
            ),
            { code: 'PEER_WRONG' },
          ),
        )
      }
      socket.removeListener('error', fail)
      this.#proof = {
        peer: svid.id,
        tls: socket.getProtocol() ?? '',
        serial: certificate?.serialNumber.toLowerCase() ?? '',
      }
      callback(null, socket)
    })
  }
}

async function read(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > REPLY_BYTES_MAX) throw new CallError('REPLY_INVALID', 'the answer is too large')
    chunks.push(chunk)
  }
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)
}

function callError(
  error: unknown,
  to: { host: string; port: number; expected: string },
): CallError {
  if (error instanceof CallError) return error
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const where = `${to.expected} at ${to.host}:${to.port}`
  if (code.startsWith('UND_ERR_HEADERS_TIMEOUT') || code.startsWith('UND_ERR_BODY_TIMEOUT'))
    return new CallError('TIMEOUT', `${where} did not answer in time`, { cause: error })
  const unsent = code === 'ECONNREFUSED' || code === 'PEER_WRONG'
  return new CallError(
    'UNREACHABLE',
    `${where} could not be reached (${code || messageOf(error)})`,
    { cause: error, ...(unsent ? { context: { unsent } } : {}) },
  )
}
