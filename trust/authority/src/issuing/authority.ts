import { type KeyObject, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { workloadId } from '@countersign/contract'
import type { Issued } from '@countersign/contract/platform'
import type { Log } from '@countersign/ground/telemetry'
import {
  createServerCertificate,
  createSvid,
  type Issuer,
  isServerName,
  parseCsr,
  type Span,
} from '@countersign/ground/x509'
import { checkCsr } from '../domain/check-csr.ts'
import { planSpan } from '../domain/plan-span.ts'
import { AuthorityError } from '../errors.ts'
import { BACKDATE_MS, PUBLIC_LIFETIME_MS, PUBLIC_LIFETIME_MS_MAX } from '../limits.ts'
import { bundlePath, instanceFolder, intermediatePlace } from '../pki/places.ts'
import { readSigner } from '../pki/signer-file.ts'
import { JoinTokens } from '../token/join-tokens.ts'
import { checkIssued, type Subject } from './check-issued.ts'
import { IssuedLog, type IssueKind } from './issued-log.ts'

export interface AuthorityOptions {
  /** As `initialiseAuthority` made it. */
  readonly folder: string
  readonly instance: string
  readonly masterKey: KeyObject
  readonly trustDomain: string
  readonly leafLifetimeSeconds: number
  readonly log: Log
  readonly now?: () => number
}

/** A request that passed every check. Nothing has happened yet; `commit` signs, once. */
interface Prepared {
  commit(): Promise<Issued>
}

/** One authority: it signs for names of its trust domain, with its own intermediate. */
export interface Authority {
  readonly instance: string
  readonly trustDomain: string
  readonly tokens: JoinTokens
  /** When the intermediate ends, and with it all that this authority can sign. */
  readonly endsAt: Date
  /** PEM of the roots. */
  bundle(): string
  /** Checks a request for `name`. Throws `AuthorityError` or `X509Error`; see `errors.ts`. */
  prepare(name: string, csr: string, kind: IssueKind): Prepared
  /** `prepare` and `commit` in one, for callers that have proven the name. */
  issue(name: string, csr: string, kind?: IssueKind): Promise<Issued>
  /** The authority's own certificate; for the name `authority` only. */
  selfIssue(name: string, csr: string): Promise<Issued>
  /** A server certificate for host names. The request is for the SPIFFE id of `name`, as for any other. */
  issuePublicDoor(name: string, csr: string, hosts: readonly string[]): Promise<Issued>
  close(): Promise<void>
}

/** Opens one authority of a folder. Throws `AuthorityError` PKI_MISSING or PKI_DAMAGED. */
export async function openAuthority(options: AuthorityOptions): Promise<Authority> {
  const { folder, instance, masterKey, trustDomain } = options
  const place = intermediatePlace(folder, instance, trustDomain)
  const issuer = await readSigner(place, masterKey)
  if (issuer === undefined) {
    const message = `${place.path} is missing: the folder has not been initialised for ${instance}`
    throw new AuthorityError('PKI_MISSING', message)
  }
  const own = instanceFolder(folder, instance)
  const now = options.now ?? Date.now
  const bundle = await readFile(bundlePath(folder), 'utf8')
  const tokens = await JoinTokens.open(own, { now, log: options.log })
  const issued = await IssuedLog.open(own)
  return new OpenAuthority(options, { issuer, bundle, issued, tokens })
}

interface Opened {
  readonly issuer: Issuer
  readonly bundle: string
  readonly issued: IssuedLog
  readonly tokens: JoinTokens
}

class OpenAuthority implements Authority {
  readonly instance: string
  readonly trustDomain: string
  readonly tokens: JoinTokens
  readonly #opened: Opened
  readonly #issuerSpan: Span
  readonly #leafLifetimeMs: number
  readonly #now: () => number

  constructor(options: AuthorityOptions, opened: Opened) {
    const { validFromDate, validToDate } = new X509Certificate(opened.issuer.certificate)
    this.instance = options.instance
    this.trustDomain = options.trustDomain
    this.tokens = opened.tokens
    this.#opened = opened
    this.#issuerSpan = { notBefore: validFromDate.getTime(), notAfter: validToDate.getTime() }
    this.#leafLifetimeMs = options.leafLifetimeSeconds * 1_000
    this.#now = options.now ?? Date.now
  }

  get endsAt(): Date {
    return new Date(this.#issuerSpan.notAfter)
  }
  bundle(): string {
    return this.#opened.bundle
  }

  prepare(name: string, csr: string, kind: IssueKind): Prepared {
    const publicKey = this.#checkRequest(name, csr)
    const span = this.#plan(this.#leafLifetimeMs)
    const id = workloadId(this.trustDomain, name)
    const hostNames = [`${name}.${this.trustDomain}`].filter(isServerName)
    const sign = () => createSvid({ issuer: this.#opened.issuer, id, hostNames, publicKey, span })
    return { commit: () => this.#finish(sign, { subject: { id }, publicKey, kind }) }
  }

  async issue(name: string, csr: string, kind: IssueKind = 'renew'): Promise<Issued> {
    return await this.prepare(name, csr, kind).commit()
  }

  async selfIssue(name: string, csr: string): Promise<Issued> {
    if (name !== 'authority') throw new AuthorityError('CSR_REFUSED', 'it is not for the authority')
    return await this.issue(name, csr, 'self')
  }

  async issuePublicDoor(name: string, csr: string, hosts: readonly string[]): Promise<Issued> {
    const publicKey = this.#checkRequest(name, csr)
    const span = this.#plan(Math.min(PUBLIC_LIFETIME_MS, PUBLIC_LIFETIME_MS_MAX))
    const issuer = this.#opened.issuer
    const sign = () => createServerCertificate({ issuer, names: hosts, publicKey, span })
    return await this.#finish(sign, { subject: { hosts }, publicKey, kind: 'public-door' })
  }

  async close(): Promise<void> {
    await this.tokens.close()
    await this.#opened.issued.close()
  }

  #checkRequest(name: string, csr: string): KeyObject {
    const request = parseCsr(csr)
    const fault = checkCsr(request, workloadId(this.trustDomain, name))
    if (fault !== undefined) throw new AuthorityError('CSR_REFUSED', fault)
    return request.publicKey
  }

  #plan(lifetimeMs: number): Span {
    const now = this.#now()
    const span = planSpan({ now, skewMs: BACKDATE_MS, issuer: this.#issuerSpan, lifetimeMs })
    if (span !== 'ISSUER_ENDS_SOON') return span
    const message = `the intermediate of ${this.instance} ends ${this.endsAt.toISOString()}; start the platform anew to replace it`
    throw new AuthorityError('ISSUER_ENDS_SOON', message)
  }

  /** Signs, reads what was signed as a stranger would, writes it down, and only then lets it go. */
  async #finish(
    sign: () => Promise<string>,
    expected: { subject: Subject; publicKey: KeyObject; kind: IssueKind },
  ): Promise<Issued> {
    const leaf = await sign()
    const issued = { chain: leaf + this.#opened.issuer.certificate, bundle: this.bundle() }
    const record = checkIssued(issued, { ...expected, now: this.#now() })
    await this.#opened.issued.record(record)
    return issued
  }
}
