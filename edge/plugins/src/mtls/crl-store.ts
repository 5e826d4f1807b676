import type { PluginTools } from '@countersign/kong'
import { messageOf } from '@countersign/ground/errors'
import { parseCrl, verifyCrl } from '@countersign/ground/x509'
import { CRL_BYTES_MAX, CRL_RETRY_MS, CRLS_MAX } from '../limits.ts'

export interface WantedList {
  readonly url: string
  /** PEM of who has to have signed it. */
  readonly issuer: string
  /** How long it counts, however long it says. */
  readonly keptMsMax: number
  readonly timeoutMs: number
}
interface Kept {
  /** Serials; `undefined`: there was none to be had. */
  readonly serials: Promise<ReadonlySet<string> | undefined>
  readonly asked: number
  /** Milliseconds since 1970. */
  until: number
}

/**
 * Lists of revoked certificates, by address and issuer: one fetch at a time for each, shared by all who wait; kept for as
 * long as the list says at most; a failure is not tried again for CRL_RETRY_MS. The CRLS_MAX that were asked for last.
 */
export class CrlStore {
  readonly #tools: PluginTools
  readonly #kept = new Map<string, Kept>()

  constructor(tools: PluginTools) {
    this.#tools = tools
  }

  /** The serials that a list holds; `undefined` where there is no good one to be had. Never rejects. */
  list(wanted: WantedList): Promise<ReadonlySet<string> | undefined> {
    const key = `${wanted.url} ${wanted.issuer}`
    const now = this.#tools.now()
    const before = this.#kept.get(key)
    if (before !== undefined && now < before.until && now < before.asked + wanted.keptMsMax)
      return before.serials
    const { promise, resolve } = Promise.withResolvers<ReadonlySet<string> | undefined>()
    const kept: Kept = { serials: promise, asked: now, until: Number.POSITIVE_INFINITY }
    this.#kept.delete(key)
    this.#kept.set(key, kept)
    const [oldest] = this.#kept.keys()
    if (this.#kept.size > CRLS_MAX && oldest !== undefined) this.#kept.delete(oldest)
    void this.#fetch(wanted).then((list) => {
      kept.until = list?.until ?? this.#tools.now() + CRL_RETRY_MS
      resolve(list?.serials)
    })
    return promise
  }

  async #fetch({ url, issuer, timeoutMs }: WantedList) {
    try {
      const answer = await this.#tools.fetch({ url, timeoutMs, bytesMax: CRL_BYTES_MAX })
      if (answer.status !== 200) throw new Error(`the answer is ${answer.status}`)
      if (!verifyCrl(answer.body, issuer)) throw new Error('the CA has not signed it')
      const { revoked, nextUpdate, thisUpdate } = parseCrl(answer.body)
      const now = this.#tools.now()
      if (!(thisUpdate <= now && now < nextUpdate)) throw new Error('it is not of this time')
      return { serials: new Set(revoked.map(({ serial }) => serial)), until: nextUpdate }
    } catch (error) {
      this.#tools.log.warn({ url, reason: messageOf(error) }, 'no list of revoked certificates')
      return undefined
    }
  }
}
