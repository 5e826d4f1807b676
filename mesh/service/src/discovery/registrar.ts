import type { Client, ContractDescriptor, RawReply } from '@countersign/contract'
import type { Registration, registry as registryContract } from '@countersign/contract/platform'
import { messageOf } from '@countersign/ground/errors'
import type { Log } from '@countersign/ground/telemetry'
import { pause, retryMs } from './follow.ts'
import { BEATS_PER_TTL, CALL_TIMEOUT_MS, DEREGISTER_MS_MAX, REFUSED_AGAIN_MS } from './limits.ts'

export interface RegistrarOptions {
  readonly registry: Client<typeof registryContract, any>
  readonly registration: Registration
  /** `undefined` for a program that has no contract: nothing is published then. */
  readonly descriptor: ContractDescriptor | undefined
  readonly log: Log
}

/** Keeps an instance registered. None of it ever throws: a service goes on without the registry. */
export interface Registrar {
  /** Resolves after the first try, whether it succeeded or not; trying goes on behind. */
  start(): Promise<void>
  /** Takes the instance out of the registry, so that callers leave it before it stops. */
  close(): Promise<void>
  readonly registered: boolean
  /** What the registry refused, in its words; undefined where it refused nothing. */
  readonly problem: string | undefined
}

export function createRegistrar(options: RegistrarOptions): Registrar {
  const abort = new AbortController()
  const upkeep = new Upkeep(options, abort.signal)
  let running: Promise<void> = Promise.resolve()
  return {
    async start() {
      await upkeep.step()
      running = keepOn(upkeep, abort.signal)
    },
    async close() {
      abort.abort()
      await running
      await upkeep.leave()
    },
    get registered() {
      return upkeep.registered
    },
    get problem() {
      return upkeep.problem
    },
  }
}

async function keepOn(upkeep: Upkeep, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await pause(upkeep.nextMs(Math.random()), signal)
    if (!signal.aborted) await upkeep.step()
  }
}

/** One instance's standing with the registry. */
class Upkeep {
  readonly #options: RegistrarOptions
  readonly #closing: AbortSignal
  readonly #beatMs: number
  registered = false
  readonly #problems = new Map<string, string>()
  #published = false
  #publishRefusedAt = Number.NEGATIVE_INFINITY
  #refused = false
  #failures = 0

  /** `closing` ends a request that is under way, so that nobody who stops waits for the registry. */
  constructor(options: RegistrarOptions, closing: AbortSignal) {
    this.#options = options
    this.#closing = closing
    const ttlMs = Number.parseInt(options.registration.Check.TTL, 10) * 1_000
    this.#beatMs = ttlMs / BEATS_PER_TTL
  }

  get problem(): string | undefined {
    return [...this.#problems.values()][0]
  }

  /** A little earlier than due each time, by chance, so that instances started together do not beat together. */
  nextMs(chance: number): number {
    if (this.#failures > 0) return Math.min(retryMs(this.#failures - 1, chance), this.#beatMs)
    return (this.#refused ? REFUSED_AGAIN_MS : this.#beatMs) * (1 - chance / 10)
  }

  /** Heartbeat; registers where the registry does not know the instance; publishes the contract where it is not there. */
  async step(): Promise<void> {
    try {
      if (this.registered) await this.#beat()
      if (!this.registered) await this.#register()
      if (this.registered && !this.#published) await this.#publish()
      if (this.#failures > 0) this.#options.log.info('the registry answers again')
      this.#failures = 0
    } catch (error) {
      if (this.#failures++ === 0 && !this.#closing.aborted)
        this.#options.log.warn({ reason: messageOf(error) }, 'the registry is away; trying again')
    }
  }

  async leave(): Promise<void> {
    if (!this.registered) return
    this.registered = false
    const { registry, registration, log } = this.#options
    const input = { params: { id: registration.ID } }
    const call = {
      timeoutMs: DEREGISTER_MS_MAX,
      signal: AbortSignal.timeout(DEREGISTER_MS_MAX),
    }
    await registry.deregister(input, call).catch((error: unknown) => {
      log.warn({ reason: messageOf(error) }, 'could not deregister; the registry will notice')
    })
  }

  async #beat(): Promise<void> {
    const { registry, registration } = this.#options
    const reply = await registry.pass({ params: { id: registration.ID } }, this.#call())
    if (reply.status === 200) return
    if (reply.status !== 404) throw new Error(`the heartbeat was answered with ${reply.status}`)
    // The registry lost its state, or had given us up: it may not know the contract either.
    this.registered = false
    this.#published = false
  }

  async #register(): Promise<void> {
    const { registry, registration, log } = this.#options
    const reply = await registry.register({ body: registration }, this.#call())
    const said = refusalOf(reply)
    this.registered = reply.status === 200
    this.#refused = said !== undefined
    this.#note(said, 'registering')
    if (this.registered) log.info({ id: registration.ID }, 'registered')
  }

  async #publish(): Promise<void> {
    if (performance.now() - this.#publishRefusedAt < REFUSED_AGAIN_MS) return
    const { registry, descriptor } = this.#options
    if (descriptor === undefined) return
    const input = { params: { name: descriptor.service }, body: descriptor }
    const reply = await registry.publish(input, this.#call())
    const said = refusalOf(reply)
    this.#published = reply.status === 200
    if (said !== undefined) this.#publishRefusedAt = performance.now()
    this.#note(said, 'publishing the contract')
  }

  #call(): { timeoutMs: number; signal: AbortSignal } {
    const timeout = AbortSignal.timeout(CALL_TIMEOUT_MS)
    return { timeoutMs: CALL_TIMEOUT_MS, signal: AbortSignal.any([timeout, this.#closing]) }
  }

  #note(said: string | undefined, what: string): void {
    const problem = `${what} was refused: ${said}`
    if (said === undefined) this.#problems.delete(what)
    else if (this.#problems.get(what) !== problem) {
      this.#problems.set(what, problem)
      this.#options.log.error({ problem }, `${what} was refused`)
    }
  }
}

/** The registry's words where it refused for good; throws where asking again can help. */
function refusalOf({ status, body }: RawReply): string | undefined {
  if (status === 200) return undefined
  if (status < 400 || status >= 500 || status === 429)
    throw new Error(`the registry answered ${status}`)
  const text = typeof body === 'string' ? body : Buffer.from(body ?? []).toString('utf8')
  try {
    const { detail, title } = JSON.parse(text) as { detail?: unknown; title?: unknown }
    return String(detail ?? title ?? status).slice(0, 512)
  } catch {
    return `status ${status}`
  }
}
