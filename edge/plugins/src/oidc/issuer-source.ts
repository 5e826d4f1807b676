import { messageOf } from '@countersign/ground/errors'
import type { PluginTools } from '@countersign/kong'
import {
  ISSUER_AGE_MS_MAX,
  ISSUER_BYTES_MAX,
  ISSUER_REFRESH_MS,
  ISSUER_RETRY_MS,
  ISSUER_WAITERS_MAX,
  ISSUERS_MAX,
} from '../limits.ts'
import { type IssuerKeys, readKeys } from './issuer-keys.ts'
import { type IssuerMetadata, placesOf, readMetadata } from './metadata.ts'

/** What is known of an issuer. Another object as soon as anything is different: verdicts are good for one of them. */
export interface IssuerState {
  readonly metadata: IssuerMetadata
  readonly keys: IssuerKeys
}

/*
 * Metadata and keys of one issuer:
 *
 * - fetched at the first need, then again in the background when they are 5 minutes old
 * - one fetch at a time, shared by all who wait, however many there are up to a bound
 * - a token with an unknown key, or a need after a failure, causes at most one fetch in `rediscovery_lifetime`; one in
 *   2 s as long as nothing is known
 * - what cannot be read does not replace what is there; that is honoured for a day while the issuer is away
 */
export class IssuerSource {
  readonly #named: string
  readonly #tools: PluginTools
  readonly #timing: { readonly pauseMs: number; readonly timeoutMs: number }
  #state: IssuerState | undefined
  /** What was fetched last, to tell whether anything changed. */
  #text = ''
  #confirmedAt = 0
  #startedAt = Number.NEGATIVE_INFINITY
  #fetching: Promise<void> | undefined
  #waiters = 0

  constructor(
    named: string,
    tools: PluginTools,
    timing: { readonly pauseMs: number; readonly timeoutMs: number },
  ) {
    this.#named = named
    this.#tools = tools
    this.#timing = timing
  }

  /** What to check with, now; `undefined` where nothing is known that is young enough. Starts a fetch when one is due. */
  current(): IssuerState | undefined {
    const age = this.#tools.now() - this.#confirmedAt
    if (!(age < ISSUER_REFRESH_MS) && this.#state !== undefined) void this.refreshed()
    return age < ISSUER_AGE_MS_MAX ? this.#state : undefined
  }

  /** A fetch to wait for, which never rejects; `undefined`: none is due, or too many wait already. */
  refreshed(): Promise<void> | undefined {
    const now = this.#tools.now()
    if (this.#fetching === undefined) {
      const pauseMs = this.#state === undefined ? ISSUER_RETRY_MS : this.#timing.pauseMs
      if (!(now - this.#startedAt >= pauseMs)) return undefined
      this.#startedAt = now
      this.#fetching = this.#fetch().finally(() => {
        this.#fetching = undefined
      })
    }
    if (this.#waiters >= ISSUER_WAITERS_MAX) return undefined
    this.#waiters++
    return this.#fetching.finally(() => {
      this.#waiters--
    })
  }

  async #fetch(): Promise<void> {
    try {
      const document = await this.#get(placesOf(this.#named).document)
      const metadata = readMetadata(JSON.parse(document), this.#named)
      if (typeof metadata === 'string') throw new Error(metadata)
      const set = await this.#get(metadata.jwksUri)
      const keys = readKeys(JSON.parse(set), metadata.algorithms)
      if (typeof keys === 'string') throw new Error(keys)
      this.#adopt({ metadata, keys }, `${document}\n${set}`)
    } catch (error) {
      const reason = messageOf(error)
      this.#tools.log.warn({ issuer: this.#named, reason }, 'an issuer cannot be discovered')
    }
  }

  async #get(url: string): Promise<string> {
    const answer = await this.#tools.fetch({
      ...{ url, timeoutMs: this.#timing.timeoutMs, bytesMax: ISSUER_BYTES_MAX },
      headers: { accept: 'application/json' },
    })
    if (answer.status !== 200) throw new Error(`${url} answers ${answer.status}`)
    return answer.body.toString('utf8')
  }

  #adopt(state: IssuerState, text: string): void {
    this.#confirmedAt = this.#tools.now()
    if (text === this.#text && this.#state !== undefined) return
    this.#text = text
    this.#state = state
    const keys = [...state.keys.keys()]
    this.#tools.log.info({ issuer: state.metadata.issuer, keys }, 'an issuer was discovered')
  }
}

/** The sources of this gateway, by issuer: they outlive a change of the configuration. */
export function issuerSource(
  named: string,
  tools: PluginTools,
  timing: { readonly pauseMs: number; readonly timeoutMs: number },
): IssuerSource {
  const sources = tools.shared('openid-connect issuers', () => new Map<string, IssuerSource>())
  const known = sources.get(named)
  if (known !== undefined) return known
  const [oldest] = sources.keys()
  if (sources.size >= ISSUERS_MAX && oldest !== undefined) sources.delete(oldest)
  const source = new IssuerSource(named, tools, timing)
  sources.set(named, source)
  return source
}
