import { randomUUID } from 'node:crypto'
import type { createClient } from '@redis/client'
import { CodedError, messageOf } from '../errors/index.ts'
import type { Log } from '../telemetry/log.ts'
import { type CacheOptions, type CacheSlot, type ReadCache, withJitter } from './cache.ts'
import { isNearby } from './nearby.ts'

/*
 * How a late read is kept from putting an old value back. Each group has a version, a random word. Entries
 * lie under the version that their read found when it began. To forget a group is to give it a new version:
 * what lies under the old one, or is still put there later, is never asked for again and expires. A version
 * that Redis lost (expiry, eviction, restart) is made anew at random, so no old entry comes back with it.
 */
const COMMAND_MS_MAX = 200
const CONNECT_MS_MAX = 1_000
const RETRY_MS = 1_000
const COMMANDS_WAITING_MAX = 10_000
const ENTRY_CHARS_MAX = 256 * 1024
/** No read takes longer: a load that began before a write has put its value back by then. */
const LOAD_MS_MAX = 15_000

export interface RedisCacheOptions extends CacheOptions {
  /** Path of a unix socket; goes before `url`. */
  readonly socketPath?: string | undefined
  /** `redis://` on this machine, `rediss://` (TLS, verified) anywhere. */
  readonly url?: string | undefined
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** Begins every key, as in `order:`. The Redis user needs no more than `~order:*`. */
  readonly prefix: string
  readonly log: Log
}
type Client = ReturnType<typeof createClient>

/** A `ReadCache` in Redis. Returns at once and connects in the background; while Redis is away every read goes to its store. */
export async function createRedisCache(options: RedisCacheOptions): Promise<ReadCache> {
  checkUrl(options)
  const { createClient } = await import('@redis/client')
  const client: Client = createClient({
    ...(options.socketPath === undefined ? { url: options.url ?? '' } : {}),
    ...(options.username === undefined ? {} : { username: options.username }),
    ...(options.password === undefined ? {} : { password: options.password }),
    socket: {
      ...(options.socketPath === undefined ? {} : { path: options.socketPath }),
      connectTimeout: CONNECT_MS_MAX,
      reconnectStrategy: (attempts: number) => Math.min(50 * 2 ** attempts, RETRY_MS),
    },
    disableOfflineQueue: true,
    commandsQueueMaxLength: COMMANDS_WAITING_MAX,
  } as Parameters<typeof createClient>[0])
  const access = new Access(client, options)
  client.on('error', (error: unknown) => access.failed(error))
  client.connect().catch((error: unknown) => access.failed(error))
  return over(access, options)
}

function over(access: Access, options: RedisCacheOptions): ReadCache {
  const now = options.now ?? Date.now
  const flights = new Map<string, { group: string; value: Promise<unknown> }>()
  // A forget that did not reach Redis may leave an old entry there. Until it has expired nothing is believed.
  let distrustedUntil = 0

  async function readThrough<T>({ group, key }: CacheSlot, load: () => Promise<T>): Promise<T> {
    const version = now() < distrustedUntil ? undefined : await access.version(group)
    if (version === undefined) return load()
    const name = `${options.prefix}e:${group}:${version}:${key}`
    const kept = parse<T>(await access.try((client) => client.get(name)))
    if (kept !== undefined) return kept
    const value = await load()
    const text = JSON.stringify(value)
    if (text !== undefined && text.length <= ENTRY_CHARS_MAX) {
      const expiration = { type: 'PX', value: withJitter(options.ttlMs) } as const
      await access.try((client) => client.set(name, text, { expiration }))
    }
    return value
  }

  return {
    engine: 'Redis',
    read<T>(slot: CacheSlot, load: () => Promise<T>): Promise<T> {
      const id = JSON.stringify([slot.group, slot.key])
      const flying = flights.get(id)
      if (flying !== undefined) return flying.value as Promise<T>
      const value = readThrough(slot, load).finally(() => {
        if (flights.get(id)?.value === value) flights.delete(id)
      })
      flights.set(id, { group: slot.group, value })
      return value
    },
    async forget(groups) {
      const done = await Promise.all(groups.map((group) => access.renew(group)))
      if (done.includes(false)) distrustedUntil = now() + options.ttlMs + LOAD_MS_MAX
      for (const [id, { group }] of flights) if (groups.includes(group)) flights.delete(id)
    },
    async close() {
      access.close()
    },
  }
}

/** Commands with a deadline and a breaker: after a failure nothing is asked for a while, then one command tries again. */
class Access {
  readonly #client: Client
  readonly #options: RedisCacheOptions
  #failing = false
  #closedUntil = 0

  constructor(client: Client, options: RedisCacheOptions) {
    this.#client = client
    this.#options = options
  }

  /** What Redis answered; `undefined` where it did not. */
  async try<T>(command: (client: Client) => Promise<T>): Promise<T | undefined> {
    if (!this.#client.isReady || (this.#failing && Date.now() < this.#closedUntil)) return undefined
    this.#closedUntil = Date.now() + RETRY_MS
    try {
      const answer = await withDeadline(command(this.#client))
      if (this.#failing) this.#options.log.info('the cache answers again')
      this.#failing = false
      return answer
    } catch (error) {
      this.failed(error)
      return undefined
    }
  }
  async version(group: string): Promise<string | undefined> {
    const name = `${this.#options.prefix}v:${group}`
    const known = await this.try((client) => client.get(name))
    if (known !== null) return known
    const fresh = randomUUID()
    const kept = await this.try(async (client) => {
      await client.set(name, fresh, { condition: 'NX', expiration: this.#versionLife() })
      return client.get(name)
    })
    return kept ?? undefined
  }
  /** Gives a group a new version; false where Redis did not confirm it. */
  async renew(group: string): Promise<boolean> {
    const name = `${this.#options.prefix}v:${group}`
    const set = (client: Client): Promise<unknown> =>
      client.set(name, randomUUID(), { expiration: this.#versionLife() })
    return (await this.try(set)) !== undefined
  }
  /** One line for each time that Redis goes away, not one for each command. */
  failed(error: unknown): void {
    if (!this.#failing)
      this.#options.log.warn({ reason: messageOf(error) }, 'the cache is away and is bypassed')
    this.#failing = true
    this.#closedUntil = Date.now() + RETRY_MS
  }
  close(): void {
    this.#client.destroy()
  }
  #versionLife(): { type: 'PX'; value: number } {
    return { type: 'PX', value: this.#options.ttlMs * 4 + LOAD_MS_MAX }
  }
}

async function withDeadline<T>(answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the cache did not answer in time')), COMMAND_MS_MAX)
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}

/** A text that is not ours is as good as none. */
function parse<T>(text: string | null | undefined): T | undefined {
  if (typeof text !== 'string') return undefined
  try {
    return JSON.parse(text) as T
  } catch {
    return undefined
  }
}

function checkUrl({ socketPath, url }: RedisCacheOptions): void {
  if (socketPath !== undefined || url === undefined) return
  const parsed = URL.parse(url)
  if (parsed?.protocol === 'rediss:') return
  if (parsed?.protocol === 'redis:' && isNearby(parsed.hostname)) return
  throw new CodedError('CACHE_URL', 'a Redis on another machine is used with TLS only: rediss://')
}
