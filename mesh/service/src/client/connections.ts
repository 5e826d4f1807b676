import { workloadId } from '@countersign/contract'
import type { HealthEntry } from '@countersign/contract/platform'
import {
  createBreaker,
  createUpstream,
  type CutReason,
  mayRetry,
  NOT_STARTED_HEADER,
  pickInstance,
  RetryBudget,
  type Upstream,
  UpstreamError,
  type UpstreamReply,
} from '@countersign/layers'
import type { Log } from '@countersign/ground/telemetry'
import { FIRST_WORD_MS, REPLY_BYTES_MAX } from '../limits.ts'
import type { Identity, Instances } from '../workload.ts'
import { CallError } from './call-error.ts'

interface Outgoing {
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
  /** The first value of a header; `name` in lower case. */
  header(name: string): string | undefined
  readonly headers: readonly string[]
  readonly body: Buffer
  /** What the other side has proven. */
  readonly proof: Readonly<Record<string, string>>
}
/** Sends requests to instances of services, each proven by its certificate. */
export interface Connections {
  /** Throws `CallError` where no answer came; an answer of any status is an answer. */
  send(service: string, outgoing: Outgoing): Promise<Received>
  close(): Promise<void>
}

export interface ConnectionsOptions {
  readonly trustDomain: string
  readonly identity: Identity
  readonly log: Log
  /** Told of each connection that is ended because its other side is believed no more. */
  readonly cut?: (reason: CutReason) => void
  /** Where the instances of a service are. */
  instances(name: string): Instances
  /** Under which name the instances must prove themselves, where that is not the service of the contract. */
  readonly name?: string
}

export function createConnections(options: ConnectionsOptions): Connections {
  const services = new Map<string, Lines>()
  const linesOf = (service: string): Lines => {
    let lines = services.get(service)
    if (lines === undefined) {
      lines = new Lines(options, options.name ?? service, options.instances(service))
      services.set(service, lines)
    }
    return lines
  }
  return {
    async send(service, outgoing) {
      const lines = linesOf(service)
      const deadline = performance.now() + outgoing.timeoutMs
      const first = lines.pick(undefined) ?? (await lines.waitForOne(outgoing.timeoutMs))
      if (first === undefined)
        throw new CallError('NO_INSTANCE', `no instance of ${service} is available`)
      lines.budget.earn()
      const tried = await first.send(outgoing)
      const timeLeftMs = deadline - performance.now()
      if (tried instanceof Answer && tried.status !== 503) return tried
      const second =
        mayGoAgain(tried, outgoing, timeLeftMs) && lines.budget.spend()
          ? lines.pick(first)
          : undefined
      const last =
        second === undefined ? tried : await second.send({ ...outgoing, timeoutMs: timeLeftMs })
      if (last instanceof Answer) return last
      throw callError(last, service)
    },
    close: async () =>
      void (await Promise.all([...services.values()].map((lines) => lines.close()))),
  }
}

function mayGoAgain(
  tried: Answer | UpstreamError,
  { repeatable }: Outgoing,
  timeLeftMs: number,
): boolean {
  const attempt = { number: 1, idempotent: repeatable, replayable: true, timeLeftMs }
  if (tried instanceof UpstreamError) return mayRetry({ ...attempt, error: tried })
  return mayRetry({
    ...attempt,
    status: tried.status,
    notStarted: tried.header(NOT_STARTED_HEADER) === '1',
  })
}

/** The instances of one service, each with its connections. */
class Lines {
  readonly #options: ConnectionsOptions
  readonly #name: string
  readonly #watch: Instances
  readonly #lines = new Map<string, Line>()
  readonly budget: RetryBudget = new RetryBudget()

  constructor(options: ConnectionsOptions, name: string, watch: Instances) {
    this.#options = options
    this.#name = name
    this.#watch = watch
    watch.onChange(() => this.#prune())
  }
  /** Of two instances the less loaded one; another than `not` where there is one. */
  pick(not: Line | undefined): Line | undefined {
    const lines = this.#watch.current().map((entry) => this.#lineTo(entry))
    return pickInstance(lines, Math.random, not)
  }
  /** The registry has perhaps not been asked yet: waits for its first word, for a bounded time. */
  async waitForOne(timeoutMs: number): Promise<Line | undefined> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, Math.min(timeoutMs, FIRST_WORD_MS))
    })
    await Promise.race([this.#watch.first, late])
    clearTimeout(timer)
    return this.pick(undefined)
  }
  async close(): Promise<void> {
    this.#watch.close()
    await Promise.all([...this.#lines.values()].map((line) => line.close()))
  }

  #lineTo({ Service }: HealthEntry): Line {
    const key = `${Service.Address}:${Service.Port}`
    let line = this.#lines.get(key)
    if (line === undefined) {
      const { trustDomain, identity, log, cut } = this.#options
      const upstream = createUpstream({
        address: { host: Service.Address, port: Service.Port },
        expectedId: workloadId(trustDomain, this.#name),
        identity,
        log,
        ...(cut === undefined ? {} : { onCut: cut }),
      })
      line = new Line(upstream, key)
      this.#lines.set(key, line)
    }
    return line
  }
  #prune(): void {
    const alive = new Set(
      this.#watch.current().map(({ Service }) => `${Service.Address}:${Service.Port}`),
    )
    for (const [key, line] of this.#lines) {
      if (alive.has(key)) continue
      this.#lines.delete(key)
      void line.close()
    }
  }
}

/** One instance. */
class Line {
  readonly #upstream: Upstream
  readonly #at: string
  readonly #breaker = createBreaker()
  #proof: Readonly<Record<string, string>> = {}
  #proofOf: Upstream['evidence']

  constructor(upstream: Upstream, at: string) {
    this.#upstream = upstream
    this.#at = at
  }
  get inFlight(): number {
    return this.#upstream.inFlight
  }
  get available(): boolean {
    return this.#breaker.available
  }
  async send({
    method,
    path,
    headers,
    body,
    timeoutMs,
    signal,
  }: Outgoing): Promise<Answer | UpstreamError> {
    const entry = this.#breaker.enter()
    if (entry === undefined)
      return new UpstreamError('OVERLOADED', 'this instance has failed too often a moment ago')
    try {
      const reply = await this.#upstream.request(
        { method, path, headers, body: body ?? null, timeoutMs },
        { bodyBytesMax: REPLY_BYTES_MAX, signal },
      )
      this.#breaker.leave(entry, reply.status < 500 || reply.status === 503)
      return new Answer(reply, this.#evidence())
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error
      if (error.code !== 'ABORTED' || entry === 'probe') this.#breaker.leave(entry, false)
      return error
    }
  }
  close(): Promise<void> {
    return this.#upstream.close()
  }

  #evidence(): Readonly<Record<string, string>> {
    const { evidence } = this.#upstream
    if (evidence !== undefined && evidence !== this.#proofOf) {
      this.#proofOf = evidence
      this.#proof = {
        at: this.#at,
        peer: evidence.peerId,
        tls: evidence.tlsVersion,
        serial: evidence.peerSerial,
      }
    }
    return this.#proof
  }
}

class Answer implements Received {
  readonly #reply: UpstreamReply
  readonly proof: Readonly<Record<string, string>>
  constructor(reply: UpstreamReply, proof: Readonly<Record<string, string>>) {
    this.#reply = reply
    this.proof = proof
  }
  get status(): number {
    return this.#reply.status
  }
  get body(): Buffer {
    return this.#reply.body
  }
  get headers(): readonly string[] {
    return this.#reply.headers
  }
  header(name: string): string | undefined {
    return this.#reply.header(name)
  }
}

function callError(error: UpstreamError, service: string): CallError {
  const cause = { cause: error }
  if (error.code === 'TIMEOUT')
    return new CallError('TIMEOUT', `${service} did not answer in time`, cause)
  if (error.code.startsWith('ANSWER_'))
    return new CallError('REPLY_INVALID', `${service}: ${error.message}`, cause)
  return new CallError('UNREACHABLE', `${service} could not be reached: ${error.message}`, cause)
}
