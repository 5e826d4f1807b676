import { Deadlines, type Mortal } from './deadlines.ts'
import type { Script } from './limiter-redis-keys.ts'
import {
  REDIS_CONNECT_TIMEOUT_MS,
  REDIS_QUEUE_MAX,
  REDIS_RECONNECT_MS_MAX,
  REDIS_SILENCE_MS_MAX,
  REDIS_TIMEOUT_MS,
} from './limits.ts'

/** What a script answers: a flat list. */
export type Reply = readonly (number | string)[]
export type RunScript = (
  script: Script,
  keys: readonly string[],
  args: readonly string[],
) => Promise<Reply | undefined>

export interface RedisAddress {
  readonly url?: string
  readonly socketPath?: string
  readonly username?: string
  readonly password?: string
  /** For so long an answer is waited for; without it REDIS_TIMEOUT_MS. */
  readonly timeoutMs?: number
}

/** A connection to Redis that comes back by itself, for ever. Nothing waits in it for Redis to come back. */
export interface RedisLink {
  readonly ready: boolean
  /** Runs a script in one round trip. `undefined`: no answer in time, or none that a script gives. Never rejects. */
  run: RunScript
  close(): void
}

/** Opens the link; comes back when it is ready, or after a second without it. `onLost` is called at each loss, with what is known of it. */
export async function openRedisLink(
  address: RedisAddress,
  onLost: (reason?: unknown) => void,
): Promise<RedisLink> {
  // Loaded by those who have a Redis: most processes have none.
  const { createClient } = await import('@redis/client')
  const client = createClient(optionsFor(address))
  // each loss ends in `error` or `reconnecting`; without a listener the first would end the process
  client.on('error', onLost).on('reconnecting', () => onLost())
  const { promise: ready, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, REDIS_CONNECT_TIMEOUT_MS)
  client.once('ready', resolve)
  client.connect().catch(onLost)
  await ready
  clearTimeout(timer)

  const deadlines = new Deadlines()
  const { timeoutMs = REDIS_TIMEOUT_MS } = address
  const send = async (
    script: Script,
    keys: readonly string[],
    args: readonly string[],
  ): Promise<unknown> => {
    const rest = [String(keys.length), ...keys, ...args]
    try {
      return await client.sendCommand(['EVALSHA', script.sha, ...rest])
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
      return client.sendCommand(['EVAL', script.source, ...rest])
    }
  }
  return {
    get ready() {
      return client.isReady
    },
    run: (script, keys, args) => withinTime(send(script, keys, args), { deadlines, timeoutMs }),
    close: () => client.destroy(),
  }
}

/** One command that was sent. */
class Sent implements Mortal {
  readonly deadline: number
  sooner: Mortal | undefined
  later: Mortal | undefined
  readonly #deadlines: Deadlines
  readonly #resolve: (reply: Reply | undefined) => void
  #isOver = false

  constructor({ deadlines, timeoutMs }: Within, resolve: (reply: Reply | undefined) => void) {
    this.deadline = performance.now() + timeoutMs
    this.#deadlines = deadlines
    this.#resolve = resolve
    deadlines.add(this)
  }
  finish(reply: unknown): void {
    this.#leave()
    this.#resolve(isFlat(reply) ? reply : undefined)
  }
  /** One more turn of the loop: an answer that lay there while this process was busy still counts. */
  expire(): void {
    this.#leave()
    setImmediate(this.#resolve, undefined)
  }
  #leave(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#deadlines.delete(this)
  }
}

interface Within {
  readonly deadlines: Deadlines
  readonly timeoutMs: number
}
function withinTime(sent: Promise<unknown>, within: Within): Promise<Reply | undefined> {
  return new Promise((resolve) => {
    const waits = new Sent(within, resolve)
    sent.then(
      (reply) => waits.finish(reply),
      () => waits.finish(undefined),
    )
  })
}
function isFlat(reply: unknown): reply is Reply {
  if (!Array.isArray(reply)) return false
  return reply.every((one) => typeof one === 'number' || typeof one === 'string')
}

function optionsFor({ url, socketPath, username, password }: RedisAddress) {
  const socket = {
    connectTimeout: REDIS_CONNECT_TIMEOUT_MS,
    socketTimeout: REDIS_SILENCE_MS_MAX,
    reconnectStrategy: (retries: number) => Math.min(25 * 2 ** retries, REDIS_RECONNECT_MS_MAX),
  }
  return {
    ...(url === undefined ? {} : { url }),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    socket:
      socketPath === undefined ? socket : { ...socket, path: socketPath, tls: false as const },
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: 'disabled' as const,
    // The time is kept here, for all at once: the client would make an AbortSignal for each command, and keep it for 5 s.
    commandOptions: { timeout: 0 },
    commandsQueueMaxLength: REDIS_QUEUE_MAX,
    pingInterval: 1_000,
  }
}
