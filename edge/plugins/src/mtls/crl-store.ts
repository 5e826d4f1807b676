import { messageOf } from '@countersign/ground/errors'
import { parseCrl, verifyCrl } from '@countersign/ground/x509'
import type { PluginTools } from '@countersign/kong'
import { CLOCK_SKEW_SECONDS_MAX, CRL_BYTES_MAX, CRLS_MAX } from '../limits.ts'
import { type Said, StatusCache } from './status-cache.ts'

export interface WantedStatus {
  readonly url: string
  /** PEM of who has issued the certificate, and has to have signed what is said of it. */
  readonly issuer: string
  /** How long it counts, however long it says. */
  readonly keptMsMax: number
  readonly timeoutMs: number
}

/** Lists of revoked certificates (RFC 5280, 5), by address and issuer. */
export class CrlStore {
  readonly #tools: PluginTools
  readonly #lists: StatusCache<ReadonlySet<string>>

  constructor(tools: PluginTools) {
    this.#tools = tools
    this.#lists = new StatusCache(() => tools.now(), { kept: CRLS_MAX, underWay: CRLS_MAX })
  }

  /** The serials that a list holds; `undefined` where there is no good one to be had. Never rejects. */
  list(wanted: WantedStatus): Promise<ReadonlySet<string> | undefined> {
    const key = `${wanted.url} ${wanted.issuer}`
    return this.#lists.get(key, wanted.keptMsMax, () => this.#fetch(wanted))
  }

  async #fetch(wanted: WantedStatus): Promise<Said<ReadonlySet<string>> | undefined> {
    const { url, issuer, timeoutMs } = wanted
    try {
      const answer = await this.#tools.fetch({ url, timeoutMs, bytesMax: CRL_BYTES_MAX })
      if (answer.status !== 200) throw new Error(`the answer is ${answer.status}`)
      if (!verifyCrl(answer.body, issuer)) throw new Error('the CA has not signed it')
      const { revoked, nextUpdate, thisUpdate } = parseCrl(answer.body)
      if (!isOfNow(thisUpdate, nextUpdate, this.#tools.now()))
        throw new Error('it is not of this time')
      return { what: new Set(revoked.map(({ serial }) => serial)), until: nextUpdate }
    } catch (error) {
      this.#tools.log.warn({ url, reason: messageOf(error) }, 'no list of revoked certificates')
      return undefined
    }
  }
}

/** Whether what was said counts now: the clock of who said it may go a little before ours. */
export const isOfNow = (thisUpdate: number, nextUpdate: number, now: number): boolean =>
  thisUpdate <= now + CLOCK_SKEW_SECONDS_MAX * 1000 && now < nextUpdate
