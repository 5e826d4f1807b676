import type { TLSSocket } from 'node:tls'
import { messageOf } from '@countersign/ground/errors'
import type { SpiffeId } from '@countersign/ground/spiffe'
import type { Log } from '@countersign/ground/telemetry'
import { Deadlines } from './deadlines.ts'
import { CONNECTIONS_MAX, IN_FLIGHT_MAX, RESPONSE_BYTES_MAX, RETIRE_MS_MAX } from './limits.ts'
import { proverOf } from './peer-prover.ts'
import { ProvenConnections } from './proven-connections.ts'
import type { CutReason } from './revocation-list.ts'
import { type ClientIdentity, createConnector, type PeerEvidence } from './upstream-connector.ts'
import { UpstreamError } from './upstream-error.ts'
import type { Connector, WireProtocol } from './upstream-establish.ts'
import { Exchange } from './upstream-exchange.ts'
import { createOutsideConnector, type OutsidePeer } from './upstream-outside.ts'
import { H2Pool } from './upstream-h2-pool.ts'
import { ConnectionPool, type Pool } from './upstream-pool.ts'
import type { Receiver } from './upstream-receiver.ts'
import { Collector, type UpstreamReply } from './upstream-reply.ts'
import { requestHead, type UpstreamRequest } from './upstream-request.ts'

interface PoolOptions {
  readonly address: { readonly host: string; readonly port: number }
  readonly connectionsMax?: number
  /** Requests that wait or run, and connections that were upgraded. */
  readonly inFlightMax?: number
  /** Connections that are opened before they are needed, at once and after each renewal. */
  readonly preconnect?: number
  /** For TCP and TLS together; CONNECT_TIMEOUT_MS where nothing else is said. */
  readonly connectTimeoutMs?: number
  /** `http/1.1` where nothing else is said. Over `h2` a connection carries many requests at once. */
  readonly protocol?: WireProtocol
  readonly log: Log
}
/** To a workload of the mesh. */
export interface WorkloadOptions extends PoolOptions {
  /** Who must answer. */
  readonly expectedId: SpiffeId
  readonly identity: ClientIdentity
  /** Told of each open connection that is ended because its other side is believed no more. */
  readonly onCut?: (reason: CutReason) => void
}
/** To a place outside of it. */
export interface OutsideOptions extends PoolOptions {
  readonly expected: OutsidePeer
}
export type UpstreamOptions = WorkloadOptions | OutsideOptions

/** One instance of a workload or one place outside, over pooled connections that have proven who it is. */
export interface Upstream {
  /** Sends a request and collects the answer. Rejects with `UpstreamError`. */
  request(
    request: UpstreamRequest,
    options?: { readonly bodyBytesMax?: number; readonly signal?: AbortSignal | undefined },
  ): Promise<UpstreamReply>
  /** Sends a request and hands on the answer as it comes. Returns the way to end it early. Never throws. */
  stream(request: UpstreamRequest, receiver: Receiver): () => void
  /** Makes one connection more, sees who is there, and ends it. Gives what was wrong; never rejects. */
  check(): Promise<UpstreamError | undefined>
  /** Requests that wait or run. */
  readonly inFlight: number
  /** How long, at `now` of `performance.now()`, the request has waited for a connection that waits longest; 0: none does. */
  waitedMs(now: number): number
  /** What the latest connection to a workload has proven; `undefined` before the first. */
  readonly evidence: PeerEvidence | undefined
  /** Finishes what runs, for RETIRE_MS_MAX at most, and closes all connections. */
  close(): Promise<void>
}

/** Opens no connection before the first request, but for `preconnect`. Throws where certificate, key or roots cannot be used. */
export function createUpstream(options: UpstreamOptions): Upstream {
  return new PooledUpstream(options)
}

const deadlines = new Deadlines()

class PooledUpstream implements Upstream {
  readonly #options: UpstreamOptions
  readonly #authority: string
  readonly #pool: Pool
  #connector: Connector
  readonly #stopListening: readonly (() => void)[]
  /** Also those that are retiring. */
  readonly #proven = new ProvenConnections()
  readonly #quiet = Promise.withResolvers<void>()
  readonly #onDone = (): void => {
    this.inFlight--
  }
  #closed = false
  inFlight = 0
  evidence: PeerEvidence | undefined

  constructor(options: UpstreamOptions) {
    const { address, connectionsMax = CONNECTIONS_MAX, protocol = 'http/1.1' } = options
    this.#options = options
    this.#authority = authorityOf(options)
    this.#connector =
      'expected' in options
        ? createOutsideConnector(address, options.expected, {
            timeoutMs: options.connectTimeoutMs,
            protocol,
          })
        : this.#workloadConnector(options)
    const connector = this.#connector
    const onUnasked = (): void => this.#tellUnasked()
    const parts = { connector, connectionsMax, onQuiet: this.#quiet.resolve, onUnasked }
    this.#pool = protocol === 'h2' ? new H2Pool(parts) : new ConnectionPool(parts)
    this.#stopListening = 'expected' in options ? [] : this.#listen(options)
    this.#warm()
  }

  request(
    request: UpstreamRequest,
    options: { bodyBytesMax?: number; signal?: AbortSignal | undefined } = {},
  ): Promise<UpstreamReply> {
    const collector = new Collector(options.bodyBytesMax ?? RESPONSE_BYTES_MAX)
    const exchange = this.#start(request, collector)
    collector.exchange = exchange
    const { signal } = options
    if (signal === undefined) return collector.promise
    const onAbort = (): void => exchange?.cancel()
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort)
    return collector.promise.finally(() => signal.removeEventListener('abort', onAbort))
  }

  stream(request: UpstreamRequest, receiver: Receiver): () => void {
    const exchange = this.#start(request, receiver)
    return () => exchange?.cancel()
  }

  check(): Promise<UpstreamError | undefined> {
    return new Promise((resolve) => {
      this.#connector(
        () => true,
        (result) => {
          if (result instanceof UpstreamError) resolve(result)
          else {
            result.on('error', () => undefined).destroy()
            resolve(undefined)
          }
        },
      )
    })
  }

  waitedMs(now: number): number {
    return this.#pool.waitedMs(now)
  }

  async close(): Promise<void> {
    this.#closed = true
    const timer = setTimeout(() => this.#pool.destroy(), RETIRE_MS_MAX).unref()
    this.#pool.close()
    await this.#quiet.promise
    clearTimeout(timer)
    for (const stop of this.#stopListening) stop()
  }

  #start(request: UpstreamRequest, receiver: Receiver): Exchange | undefined {
    let head: string
    try {
      this.#admit()
      head = requestHead(request, this.#authority)
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error
      receiver.error(error)
      return undefined
    }
    this.inFlight++
    const exchange = new Exchange(request, receiver, { head, deadlines, onDone: this.#onDone })
    this.#pool.run(exchange)
    return exchange
  }
  #admit(): void {
    const { inFlightMax = IN_FLIGHT_MAX } = this.#options
    if (this.#closed) throw new UpstreamError('CLOSED', 'this upstream is closed')
    if (this.inFlight >= inFlightMax)
      throw new UpstreamError('OVERLOADED', `${this.inFlight} requests are on their way already`)
  }

  #workloadConnector(options: WorkloadOptions): Connector {
    const { address, expectedId, identity, connectTimeoutMs: timeoutMs } = options
    const { protocol = 'http/1.1' } = options
    const onPeer = (evidence: PeerEvidence, socket: TLSSocket): void => {
      this.evidence = evidence
      this.#proven.add(socket, evidence)
    }
    const prover = proverOf(identity)
    return createConnector({ address, expectedId, identity, prover, onPeer, timeoutMs, protocol })
  }
  #listen(options: WorkloadOptions): readonly (() => void)[] {
    const { identity, onCut } = options
    return [
      identity.onChange(() => this.#renew(options)),
      identity.revocations.onChange(() => this.#proven.cut(identity.revocations, onCut)),
    ]
  }
  /** New requests take connections with the new certificate; those that run end on the old ones. */
  #renew(options: WorkloadOptions): void {
    if (this.#closed) return
    try {
      this.#connector = this.#workloadConnector(options)
      const endRetired = this.#pool.renew(this.#connector)
      setTimeout(endRetired, RETIRE_MS_MAX).unref()
      this.#warm()
    } catch (error) {
      // the old connections are good until their certificate ends, and the next renewal tries again
      const reason = messageOf(error)
      options.log.error({ reason }, 'the renewed certificate cannot be used for connections')
    }
  }
  /** Whoever does that may be trying to answer requests of others. */
  #tellUnasked(): void {
    const upstream = this.#authority
    this.#options.log.warn(
      { upstream },
      'an answer came that nobody had asked for: connection ended',
    )
  }
  #warm(): void {
    const { preconnect = 0, connectionsMax = CONNECTIONS_MAX } = this.#options
    this.#pool.warm(Math.min(preconnect, connectionsMax))
  }
}

/** What `Host` says by default: the name that is expected, and the port where it is not that of the scheme. */
function authorityOf(options: UpstreamOptions): string {
  const { host, port } = options.address
  const outside = 'expected' in options ? options.expected : undefined
  const name = outside?.kind === 'host' ? outside.name : host
  const usual = outside === undefined ? undefined : outside.kind === 'host' ? 443 : 80
  return (name.includes(':') ? `[${name}]` : name) + (port === usual ? '' : `:${port}`)
}
