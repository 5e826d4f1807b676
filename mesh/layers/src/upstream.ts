import type { Readable } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { messageOf } from '@countersign/ground/errors'
import type { SpiffeId } from '@countersign/ground/spiffe'
import type { Log } from '@countersign/ground/telemetry'
import { Pool } from 'undici'
import { Deadlines } from './deadlines.ts'
import {
  CONNECTIONS_MAX,
  IDLE_MS_MAX,
  IN_FLIGHT_MAX,
  RESPONSE_BYTES_MAX,
  RESPONSE_HEAD_BYTES_MAX,
  RETIRE_MS_MAX,
} from './limits.ts'
import { proverOf } from './peer-prover.ts'
import { ProvenConnections } from './proven-connections.ts'
import type { CutReason } from './revocation-list.ts'
import { type ClientIdentity, createConnector, type PeerEvidence } from './upstream-connector.ts'
import { UpstreamError } from './upstream-error.ts'
import { Exchange, type Receiver } from './upstream-exchange.ts'
import { Collector, type UpstreamReply } from './upstream-reply.ts'

export interface UpstreamOptions {
  readonly address: { readonly host: string; readonly port: number }
  /** Who must answer. */
  readonly expectedId: SpiffeId
  readonly identity: ClientIdentity
  readonly connectionsMax?: number
  readonly inFlightMax?: number
  readonly log: Log
  /** Told of each open connection that is ended because its other side is believed no more. */
  readonly onCut?: (reason: CutReason) => void
}

export interface UpstreamRequest {
  readonly method: string
  /** Path and query. */
  readonly path: string
  /** Name, value, name, value …; without `host`, which is the same for all requests of a connection. */
  readonly headers: readonly string[]
  readonly body?: string | Uint8Array | Readable | null
  /** For the whole exchange, waiting for a connection included. */
  readonly timeoutMs: number
}

/** One instance of a workload, over pooled connections that have proven who it is. */
export interface Upstream {
  /** Sends a request and collects the answer. Rejects with `UpstreamError`. */
  request(
    request: UpstreamRequest,
    options?: { readonly bodyBytesMax?: number; readonly signal?: AbortSignal | undefined },
  ): Promise<UpstreamReply>
  /** Sends a request and hands on the answer as it comes. Returns the way to end it early. Never throws. */
  stream(request: UpstreamRequest, receiver: Receiver): () => void
  /** Requests that wait or run. */
  readonly inFlight: number
  /** What the latest connection has proven; `undefined` before the first. */
  readonly evidence: PeerEvidence | undefined
  /** Finishes what runs, for RETIRE_MS_MAX at most, and closes all connections. */
  close(): Promise<void>
}

/** Opens no connection before the first request. Throws where the identity cannot be used. */
export function createUpstream(options: UpstreamOptions): Upstream {
  return new PooledUpstream(options)
}

const deadlines = new Deadlines()

class PooledUpstream implements Upstream {
  readonly #options: UpstreamOptions
  readonly #origin: string
  readonly #stopListening: readonly (() => void)[]
  /** Also those of pools that are retiring. */
  readonly #proven = new ProvenConnections()
  readonly #retiring = new Set<Promise<void>>()
  readonly #onDone = (): void => {
    this.inFlight--
  }
  #pool: Pool
  #closed = false
  inFlight = 0
  evidence: PeerEvidence | undefined

  constructor(options: UpstreamOptions) {
    const { host, port } = options.address
    this.#options = options
    this.#origin = `https://${host.includes(':') ? `[${host}]` : host}:${port}`
    this.#pool = this.#openPool()
    this.#stopListening = [
      options.identity.onChange(() => this.#renew()),
      options.identity.revocations.onChange(() =>
        this.#proven.cut(options.identity.revocations, options.onCut),
      ),
    ]
  }

  request(
    request: UpstreamRequest,
    options: { bodyBytesMax?: number; signal?: AbortSignal | undefined } = {},
  ): Promise<UpstreamReply> {
    const collector = new Collector(options.bodyBytesMax ?? RESPONSE_BYTES_MAX)
    const exchange = this.#start(request, collector)
    collector.cancel = (error) => exchange?.cancel(error)
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

  async close(): Promise<void> {
    this.#closed = true
    this.#retire(this.#pool)
    await Promise.all(this.#retiring)
    for (const stop of this.#stopListening) stop()
  }

  #start(request: UpstreamRequest, receiver: Receiver): Exchange | undefined {
    const refusal = this.#refusal()
    if (refusal !== undefined) {
      receiver.error(refusal)
      return undefined
    }
    this.inFlight++
    const exchange = new Exchange(receiver, {
      deadline: performance.now() + request.timeoutMs,
      deadlines,
      onDone: this.#onDone,
    })
    const { method, path, headers, body = null } = request
    // deadlines are ours, so undici needs no timers of its own
    const timeouts = { headersTimeout: 0, bodyTimeout: 0 }
    this.#pool.dispatch(
      { method, path, headers: withoutHost(headers), body, ...timeouts },
      exchange,
    )
    return exchange
  }
  #refusal(): UpstreamError | undefined {
    const { inFlightMax = IN_FLIGHT_MAX } = this.#options
    if (this.#closed) return new UpstreamError('CLOSED', 'this upstream is closed')
    if (this.inFlight < inFlightMax) return undefined
    return new UpstreamError('OVERLOADED', `${this.inFlight} requests are on their way already`)
  }

  #openPool(): Pool {
    const { address, expectedId, identity, connectionsMax = CONNECTIONS_MAX } = this.#options
    const onPeer = (evidence: PeerEvidence, socket: TLSSocket): void => {
      this.evidence = evidence
      this.#proven.add(socket, evidence)
    }
    const prover = proverOf(identity)
    return new Pool(this.#origin, {
      connect: createConnector({ address, expectedId, identity, prover, onPeer }),
      connections: connectionsMax,
      pipelining: 1,
      keepAliveTimeout: IDLE_MS_MAX,
      keepAliveMaxTimeout: IDLE_MS_MAX,
      maxHeaderSize: RESPONSE_HEAD_BYTES_MAX,
    })
  }

  /** New requests take connections with the new certificate; those that run end on the old ones. */
  #renew(): void {
    if (this.#closed) return
    try {
      const old = this.#pool
      this.#pool = this.#openPool()
      this.#retire(old)
    } catch (error) {
      // the old connections are good until their certificate ends, and the next renewal tries again
      const reason = messageOf(error)
      this.#options.log.error({ reason }, 'the renewed certificate cannot be used for connections')
    }
  }
  #retire(pool: Pool): void {
    const timer = setTimeout(() => void pool.destroy(), RETIRE_MS_MAX).unref()
    const closing = pool
      .close()
      .catch(() => undefined)
      .finally(() => {
        clearTimeout(timer)
        this.#retiring.delete(closing)
      })
    this.#retiring.add(closing)
  }
}

/** Undici takes a connection down when the next request on it names another host. */
function withoutHost(headers: readonly string[]): string[] {
  let kept: string[] | undefined
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (headers[i]?.length !== 4 || headers[i]?.toLowerCase() !== 'host') continue
    kept ??= [...headers]
    kept.splice(
      kept.findIndex((name, at) => at % 2 === 0 && name.toLowerCase() === 'host'),
      2,
    )
  }
  return kept ?? (headers as string[])
}
