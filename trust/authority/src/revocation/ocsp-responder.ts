import {
  createOcspResponse,
  isAskedOf,
  type OcspAnswer,
  type OcspCertId,
  type OcspIssuer,
  type OcspRequest,
  ocspFailure,
  ocspIssuer,
  parseOcspRequest,
  X509Error,
} from '@countersign/ground/x509'
import { OCSP_CACHE_MAX, OCSP_LIFE_MS, OCSP_REUSE_MS } from './limits.ts'
import type { IssuedRecords, StatusIssuer } from './ports.ts'
import { reasonCode } from './reason-code.ts'
import type { RevocationView } from './revocations.ts'

export interface OcspOptions {
  /** The intermediates of this authority: each signs the answers about its own certificates itself. */
  readonly signers: () => readonly StatusIssuer[]
  readonly issued: Pick<IssuedRecords, 'find'>
  readonly revocations: RevocationView
  readonly now: () => number
}
export interface OcspReply {
  readonly der: Buffer
  /** Whether others may keep it, and from when to when it counts. Not for refusals, nor where a nonce was sent. */
  readonly span: { readonly thisUpdate: number; readonly nextUpdate: number } | undefined
}
interface Asked {
  readonly responder: StatusIssuer
  readonly names: OcspIssuer
}

/**
 * Answers questions about single certificates (RFC 6960). It knows only what its own CAs signed: `good` is on record
 * and not taken back; what is not on record is `unknown`, as is a certificate of another issuer that is asked about in
 * the same question. Where none of it is of a CA whose key is here, it refuses as `unauthorized`.
 */
export class OcspResponder {
  readonly #options: OcspOptions
  readonly #names = new Map<string, OcspIssuer>()
  /** Answers without a nonce about one certificate, oldest first. */
  readonly #cache = new Map<string, { reply: OcspReply; at: number }>()
  readonly #forget: () => void

  constructor(options: OcspOptions) {
    this.#options = options
    this.#forget = options.revocations.onChange(() => this.#cache.clear())
  }

  /** Never throws for what a stranger can send. */
  answer(question: Buffer): OcspReply {
    let request: OcspRequest
    try {
      request = parseOcspRequest(question)
    } catch (error) {
      if (!(error instanceof X509Error)) throw error
      return { der: ocspFailure('malformedRequest'), span: undefined }
    }
    const asked = this.#askedOf(request)
    if (asked === undefined) return { der: ocspFailure('unauthorized'), span: undefined }
    const [first, ...others] = request.certificates
    const isPlain = request.nonce === undefined && others.length === 0
    return isPlain && first !== undefined
      ? this.#cached(`${asked.responder.id} ${first.der.toString('base64')}`, () =>
          this.#sign(request, asked),
        )
      : this.#sign(request, asked)
  }

  close(): void {
    this.#forget()
  }

  #askedOf({ certificates }: OcspRequest): Asked | undefined {
    for (const responder of this.#options.signers()) {
      const names = this.#names.get(responder.id) ?? ocspIssuer(responder.certificate)
      // Issuers come and go by the year.
      if (this.#names.size >= 64) this.#names.clear()
      this.#names.set(responder.id, names)
      if (certificates.some((asked) => isAskedOf(asked, names))) return { responder, names }
    }
    return undefined
  }

  #cached(key: string, sign: () => OcspReply): OcspReply {
    const now = this.#options.now()
    const held = this.#cache.get(key)
    if (held !== undefined && held.at <= now && now < held.at + OCSP_REUSE_MS) return held.reply
    const reply = sign()
    this.#cache.delete(key)
    // What is not on record may be the next moment.
    if (reply.span === undefined) return reply
    const [oldest] = this.#cache.keys()
    if (this.#cache.size >= OCSP_CACHE_MAX && oldest !== undefined) this.#cache.delete(oldest)
    this.#cache.set(key, { reply, at: now })
    return reply
  }

  #sign({ certificates, nonce }: OcspRequest, { responder, names }: Asked): OcspReply {
    const now = this.#options.now()
    const span = { thisUpdate: now, nextUpdate: now + OCSP_LIFE_MS }
    const answers = certificates.map(
      (of): OcspAnswer => ({
        ...{ of, ...span },
        status: isAskedOf(of, names) ? this.#statusOf(of, responder, now) : 'unknown',
      }),
    )
    const der = createOcspResponse({ responder, answers, producedAt: now, nonce })
    const isKept = nonce === undefined && answers.every(({ status }) => status !== 'unknown')
    return { der, span: isKept ? span : undefined }
  }

  #statusOf({ serial }: OcspCertId, { id }: StatusIssuer, now: number): OcspAnswer['status'] {
    const { issued, revocations } = this.#options
    const record = issued.find(serial)
    if (record?.state !== 'issued' || record.issuer !== id) return 'unknown'
    const revoked = revocations.find(record)
    if (revoked === undefined) return 'good'
    // A peer's clock may be ahead.
    const revokedAt = Math.min(revoked.at, now)
    return { revokedAt, reason: reasonCode(revoked.reason, false) }
  }
}
