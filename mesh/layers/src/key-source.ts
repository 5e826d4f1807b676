import { messageOf } from '@countersign/ground/errors'
import { importKeySet, type KeySet } from '@countersign/ground/jose'
import type { Log } from '@countersign/ground/telemetry'
import {
  KEY_WAITERS_MAX,
  KEYS_AGE_MS_MAX,
  KEYS_FETCH_TIMEOUT_MS,
  KEYS_REFRESH_MS,
  KEYS_RETRY_MS,
  MISSING_KEYS_FETCH_MS,
  UNKNOWN_KEY_FETCH_MS,
} from './limits.ts'

/** Fetches the published key set of the issuer. */
export type FetchKeys = () => Promise<{ readonly keys: readonly object[] }>

export interface KeySourceOptions {
  readonly fetchKeys: FetchKeys
  readonly now: () => number
  readonly log: Log
  /** Called when the keys are others than before. */
  readonly onChange: () => void
}

/*
 * The keys of an issuer:
 *
 * - fetched at the first need, then every 5 minutes in the background; one fetch at a time, shared by all who wait
 * - a token with an unknown key causes at most one fetch in 10 s, however many such tokens come
 * - a set that is empty or invalid does not replace a good one
 * - while the issuer is away the last good set is honoured, for a day
 */
export class KeySource {
  readonly #options: KeySourceOptions
  #keys: KeySet | undefined
  /** What was fetched last, to tell whether anything changed. */
  #text = ''
  #fetchedAt = 0
  #fetching: Promise<void> | undefined
  #waiters = 0
  #unknownAskedAt = Number.NEGATIVE_INFINITY
  #missingAskedAt = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined
  #failing = false
  #closed = false
  /** Why the last fetch failed. */
  lastError: unknown

  constructor(options: KeySourceOptions) {
    this.#options = options
  }

  /** The keys to check with, now; `undefined` where there are none, or none young enough. */
  current(): KeySet | undefined {
    const young = this.#options.now() - this.#fetchedAt < KEYS_AGE_MS_MAX
    return young ? this.#keys : undefined
  }
  /** Milliseconds since the keys were confirmed; infinite where there are none. */
  get ageMs(): number {
    return this.#keys === undefined
      ? Number.POSITIVE_INFINITY
      : this.#options.now() - this.#fetchedAt
  }

  /** For when there are no keys: waits for a fetch. `undefined`: no fetch is due, or too many wait already. */
  awaitKeys(): Promise<void> | undefined {
    const now = this.#options.now()
    if (this.#fetching === undefined) {
      if (!(now - this.#missingAskedAt >= MISSING_KEYS_FETCH_MS)) return undefined
      this.#missingAskedAt = now
    }
    return this.#wait()
  }
  /** For a token with an unknown key: waits for a fetch. `undefined` as above. */
  awaitUnknownKey(): Promise<void> | undefined {
    const now = this.#options.now()
    if (this.#fetching === undefined) {
      if (!(now - this.#unknownAskedAt >= UNKNOWN_KEY_FETCH_MS)) return undefined
      this.#unknownAskedAt = now
    }
    return this.#wait()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  #wait(): Promise<void> | undefined {
    if (this.#waiters >= KEY_WAITERS_MAX || this.#closed) return undefined
    this.#waiters++
    return this.#refresh().finally(() => {
      this.#waiters--
    })
  }

  /** Never rejects: who waits asks `current` again. */
  #refresh(): Promise<void> {
    this.#fetching ??= this.#fetch().finally(() => {
      this.#fetching = undefined
    })
    return this.#fetching
  }

  async #fetch(): Promise<void> {
    clearTimeout(this.#timer)
    try {
      this.#adopt(await withTimeout(this.#options.fetchKeys()))
      this.lastError = undefined
      if (this.#failing) this.#options.log.info('keys of the issuer can be fetched again')
      this.#failing = false
    } catch (error) {
      this.lastError = error
      // one line when it begins, not one for each attempt
      if (!this.#failing)
        this.#options.log.warn({ reason: messageOf(error) }, 'keys of the issuer cannot be fetched')
      this.#failing = true
    }
    if (this.#closed) return
    const delayMs = this.#failing ? KEYS_RETRY_MS : KEYS_REFRESH_MS
    this.#timer = setTimeout(() => void this.#refresh(), delayMs).unref()
  }

  #adopt(fetched: unknown): void {
    const { keys, leftOut } = importKeySet(fetched)
    const text = JSON.stringify(fetched)
    const changed = text !== this.#text
    this.#keys = keys
    this.#text = text
    this.#fetchedAt = this.#options.now()
    if (!changed) return
    this.#options.log.info({ keys: [...keys.keys()], leftOut }, 'keys of the issuer')
    this.#options.onChange()
  }
}

async function withTimeout<T>(promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => reject(new Error(`no answer within ${KEYS_FETCH_TIMEOUT_MS} ms`)),
    KEYS_FETCH_TIMEOUT_MS,
  )
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
