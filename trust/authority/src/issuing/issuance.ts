import { createHash, type KeyObject } from 'node:crypto'
import type { Issued } from '@countersign/contract/platform'
import { messageOf } from '@countersign/ground/errors'
import type { Log } from '@countersign/ground/telemetry'
import {
  createServerCertificate,
  createSvid,
  keyIdOf,
  newSerial,
  spkiOf,
  validateChain,
  writePem,
  type Span,
} from '@countersign/ground/x509'
import { planSpan } from '../domain/plan-span.ts'
import { AuthorityError } from '../errors.ts'
import { BACKDATE_MS, REPEAT_MS_MAX } from '../limits.ts'
import { checkIssued } from './check-issued.ts'
import type { IssueRequest, Prepared } from './issue-request.ts'
import type { Intent } from './issued-record.ts'
import type { IssuedReader } from './issued-reader.ts'
import type { IssuedWriter } from './issued-writer.ts'
import type { Revocations, Signer, Signers, StatusUrls, Trust } from './ports.ts'
import { PROFILES } from './profiles.ts'
import { type Asked, readRequest } from './read-request.ts'

export interface IssuanceParts {
  readonly trustDomain: string
  readonly leafLifetimeSeconds: number
  readonly signers: Signers
  readonly trust: Trust
  readonly revocations: Revocations
  readonly statusUrls?: StatusUrls
  readonly issued: IssuedWriter
  readonly record: Pick<IssuedReader, 'list'>
  readonly log: Log
  readonly now: () => number
}

/*
 * A certificate comes to be in two acts:
 *
 * 1. prepare: every check, then the intent is on record                 nothing is signed yet
 * 2. commit: sign, read back, put the certificate on record, let it go  nothing leaves that is not on record
 *
 * A crash after 1 leaves an open intent, and nobody has the certificate; a crash within 2 leaves that, or a record of
 * a certificate that nobody got. Neither hides a signature from the record.
 */
export class Issuance {
  readonly #parts: IssuanceParts

  constructor(parts: IssuanceParts) {
    this.#parts = parts
  }

  /** Throws `AuthorityError` or `X509Error`; see `errors.ts`. Then nothing is on record. */
  async prepare(request: IssueRequest): Promise<Prepared> {
    const { trustDomain, issued, signers } = this.#parts
    this.#refuseRevoked(request)
    const asked = readRequest(request, trustDomain)
    const keyHash = this.#refuseKnownKey(asked.publicKey)
    const signer = signers.active()
    const span = this.#plan(request, signer)
    const serial = newSerial()
    const intent: Intent = {
      serial,
      lineage: request.renews?.lineage ?? request.renews?.serial ?? serial,
      issuer: signer.id,
      name: 'id' in asked.subject ? asked.subject.id : asked.subject.hosts.join(),
      kind: request.kind,
      ...span,
      askedAt: this.#parts.now(),
      asker: request.asker,
      keyHash,
    }
    await issued.intend(intent)
    return this.#prepared(intent, asked, signer)
  }

  /** See `Authority.repeat`. */
  repeat(request: IssueRequest): Issued | undefined {
    const { trustDomain, record, revocations, signers, trust, now } = this.#parts
    const { subject, publicKey } = readRequest(request, trustDomain)
    const keyHash = this.#refuseKnownKey(publicKey)
    if (!('id' in subject)) return undefined
    const wanted = { kind: request.kind, name: subject.id, keyHash, validAt: now(), limit: 1 }
    const [found] = record.list(wanted)
    const signer = signers.all().find(({ id }) => id === found?.issuer)
    if (found?.certificate === undefined || signer === undefined) return undefined
    if (!(now() - found.askedAt < REPEAT_MS_MAX) || revocations.has(found)) return undefined
    const chain = writePem(found.certificate, 'CERTIFICATE') + signer.certificate
    const answer = { chain, bundle: trust.bundle(), sequence: trust.sequence() }
    return validateChain(chain, answer.bundle, now()).ok ? answer : undefined
  }

  #prepared(intent: Intent, asked: Asked, signer: Signer): Prepared {
    const { serial, lineage, notAfter } = intent
    let open = true
    const end = (): void => {
      if (!open) throw new Error('broken invariant: a prepared certificate is signed once')
      open = false
    }
    return {
      ...{ serial, lineage, notAfter },
      commit: async () => {
        end()
        return await this.#commit(intent, asked, signer)
      },
      cancel: async (reason) => {
        end()
        await this.#parts.issued.fail(serial, reason)
      },
    }
  }

  async #commit(intent: Intent, asked: Asked, signer: Signer): Promise<Issued> {
    const { issued, trust, log, now } = this.#parts
    try {
      this.#refuseTakenBack(intent)
      const leaf = this.#sign(intent, asked, signer)
      const chain = leaf + signer.certificate
      const answer = { chain, bundle: trust.bundle(), sequence: trust.sequence() }
      const certificate = checkIssued(answer, { ...asked, intent, now: now() })
      await issued.complete(intent.serial, certificate)
      // Its lineage may have been taken back while it was written down.
      this.#refuseTakenBack(intent)
      return answer
    } catch (error) {
      await issued.fail(intent.serial, messageOf(error)).catch((cause: unknown) => {
        // The row stays open, which the next start finds.
        log.error({ err: cause, serial: intent.serial }, 'a failed issuance could not be recorded')
      })
      throw error
    }
  }

  #sign(intent: Intent, { publicKey, subject }: Asked, issuer: Signer): string {
    const { serial, lineage, notBefore, notAfter } = intent
    const common = { issuer, publicKey, span: { notBefore, notAfter }, serial }
    if ('id' in subject) {
      return createSvid({ ...common, id: subject.id, hostNames: subject.hosts, lineage })
    }
    const urls = this.#parts.statusUrls?.(issuer.id)
    const names = { names: subject.hosts, wildcard: true }
    return createServerCertificate({ ...common, ...names, ...urls })
  }

  /** A stolen key does not outrun its revocation by renewing. */
  #refuseRevoked({ renews }: IssueRequest): void {
    if (renews === undefined) return
    const { serial, lineage = serial } = renews
    this.#refuseTakenBack({ serial, lineage })
  }

  #refuseTakenBack({ serial, lineage }: { serial: string; lineage: string }): void {
    if (this.#parts.revocations.has({ serial, lineage }))
      throw new AuthorityError('REVOKED', `the certificate ${serial} was revoked`)
  }

  /** A key that strangers hold, or that is a CA's, gets no certificate. Returns the key's hash. */
  #refuseKnownKey(publicKey: KeyObject): string {
    const { revocations, trust, signers } = this.#parts
    const keyHash = createHash('sha256').update(spkiOf(publicKey)).digest('hex')
    if (revocations.isCompromised?.(keyHash) === true)
      throw new AuthorityError('CSR_REFUSED', 'its key was revoked as compromised')
    const keyId = keyIdOf(publicKey)
    const { roots, authorities } = trust.state()
    const ours = [
      ...roots.entries,
      ...Object.values(authorities).flatMap(({ entries }) => entries),
      ...signers.all(),
    ]
    if (ours.some(({ id }) => id === keyId))
      throw new AuthorityError('CSR_REFUSED', 'its key is that of a CA')
    return keyHash
  }

  #plan({ profile, lifetimeMs }: IssueRequest, signer: Signer): Span {
    const { leafLifetimeSeconds, now } = this.#parts
    const { subject, lifetimeMsMax, lifetimeMs: usual } = PROFILES[profile]
    const wanted = lifetimeMs ?? (subject === 'id' ? leafLifetimeSeconds * 1_000 : usual)
    if (!(wanted <= lifetimeMsMax))
      throw new AuthorityError('PROFILE_REFUSED', `${profile} lives ${lifetimeMsMax} ms at most`)
    const { span: issuer } = signer
    const span = planSpan({ now: now(), skewMs: BACKDATE_MS, issuer, lifetimeMs: wanted })
    if (span !== 'ISSUER_ENDS_SOON') return wholeSeconds(span)
    const end = new Date(issuer.notAfter).toISOString()
    throw new AuthorityError('ISSUER_ENDS_SOON', `the intermediate ${signer.id} ends ${end}`)
  }
}

/** As certificates say it: both ends round down. */
function wholeSeconds({ notBefore, notAfter }: Span): Span {
  const down = (ms: number): number => Math.floor(ms / 1_000) * 1_000
  return { notBefore: down(notBefore), notAfter: down(notAfter) }
}
