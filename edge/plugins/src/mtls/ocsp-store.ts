import { randomBytes } from 'node:crypto'
import { messageOf } from '@countersign/ground/errors'
import {
  createOcspRequest,
  type OcspVerdict,
  ocspIssuer,
  readOcspResponse,
} from '@countersign/ground/x509'
import type { PluginTools } from '@countersign/kong'
import {
  OCSP_AGE_MS_MAX,
  OCSP_ANSWERS_MAX,
  OCSP_NONCE_BYTES,
  OCSP_RESPONSE_BYTES_MAX,
  OCSP_UNDER_WAY_MAX,
} from '../limits.ts'
import { isOfNow, type WantedStatus } from './crl-store.ts'
import { type Said, StatusCache } from './status-cache.ts'

type Verdict = Pick<OcspVerdict, 'status'>

/** What responders say of single certificates (RFC 6960), by address, issuer and serial. */
export class OcspStore {
  readonly #tools: PluginTools
  readonly #answers: StatusCache<Verdict>

  constructor(tools: PluginTools) {
    this.#tools = tools
    const bounds = { kept: OCSP_ANSWERS_MAX, underWay: OCSP_UNDER_WAY_MAX }
    this.#answers = new StatusCache(() => tools.now(), bounds)
  }

  /** `undefined` where there is no good answer to be had, or the responder does not know. Never rejects. */
  async ask(wanted: WantedStatus & { readonly serial: string }): Promise<boolean | undefined> {
    const key = `${wanted.serial} ${wanted.url} ${wanted.issuer}`
    const verdict = await this.#answers.get(key, wanted.keptMsMax, () => this.#fetch(wanted))
    return verdict === undefined ? undefined : verdict.status === 'revoked'
  }

  async #fetch(
    wanted: WantedStatus & { readonly serial: string },
  ): Promise<Said<Verdict> | undefined> {
    const { url, issuer, serial, timeoutMs } = wanted
    try {
      const nonce = randomBytes(OCSP_NONCE_BYTES)
      const answer = await this.#tools.fetch({
        ...{ url, timeoutMs, method: 'POST', bytesMax: OCSP_RESPONSE_BYTES_MAX },
        headers: { 'content-type': 'application/ocsp-request' },
        body: createOcspRequest({ issuer: ocspIssuer(issuer), serial, nonce }),
      })
      if (answer.status !== 200) throw new Error(`the answer is ${answer.status}`)
      const now = this.#tools.now()
      const verdict = readOcspResponse(answer.body, { issuer, serial, nonce, now })
      if (typeof verdict === 'string') throw new Error(verdict)
      const { thisUpdate, nextUpdate: until = thisUpdate + OCSP_AGE_MS_MAX, status } = verdict
      if (!isOfNow(thisUpdate, until, now)) throw new Error('it is not of this time')
      if (status === 'unknown') throw new Error('the responder does not know the certificate')
      return { what: { status }, until }
    } catch (error) {
      this.#tools.log.warn({ url, serial, reason: messageOf(error) }, 'no answer of OCSP')
      return undefined
    }
  }
}
