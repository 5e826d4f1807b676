import type { Issued } from '@countersign/contract/platform'
import type { Log } from '@countersign/ground/telemetry'
import type { Store } from '../store/store.ts'
import { AuthorityError } from '../errors.ts'
import { instanceFolder } from '../pki/places.ts'
import { JoinTokens } from '../token/join-tokens.ts'
import { Issuance } from './issuance.ts'
import type { IssueRequest, Prepared } from './issue-request.ts'
import { createIssuedReader, type IssuedReader } from './issued-reader.ts'
import { createIssuedWriter, type IssuedWriter } from './issued-writer.ts'
import type { Revocations, Signers, StatusUrls, Trust } from './ports.ts'

export interface AuthorityOptions {
  /** As `initialiseAuthority` made it. */
  readonly folder: string
  readonly instance: string
  readonly trustDomain: string
  readonly leafLifetimeSeconds: number
  readonly store: Store
  readonly signers: Signers
  readonly trust: Trust
  readonly revocations: Revocations
  /** Stand in server certificates; workloads follow the authorities instead. */
  readonly statusUrls?: StatusUrls
  readonly log: Log
  readonly now?: () => number
}

/** One authority: it signs for names of its trust domain, with its own intermediate. */
export interface Authority {
  readonly instance: string
  readonly trustDomain: string
  readonly tokens: JoinTokens
  /** When the intermediate that signs now ends, and with it all that this authority can sign. 1970 where there is none. */
  readonly endsAt: Date
  /** The certificates on record; and the one thing that others add to it. */
  readonly issued: IssuedReader & Pick<IssuedWriter, 'claim' | 'told'>
  /** PEM of the roots, and which of all bundles it is. */
  bundle(): { readonly bundle: string; readonly sequence: number }
  /** Checks a request and puts the intent on record. Throws `AuthorityError` or `X509Error`; see `errors.ts`. */
  prepare(request: IssueRequest): Promise<Prepared>
  /** `prepare` and `commit` in one, for callers that have proven the name. */
  issue(request: IssueRequest): Promise<Issued>
  /**
   * The certificate of a join of a few minutes ago, for the same name and key. `undefined` where there is none.
   * Throws `AuthorityError` or `X509Error` for a request that would not be signed.
   */
  repeat(request: IssueRequest): Issued | undefined
  /** The authority's own certificate; for the name `authority` only. */
  selfIssue(name: string, csr: string): Promise<Issued>
}

/**
 * Opens one authority over its open store, which stays its opener's to close. What a crash left unfinished is closed before anything is signed.
 * Throws `AuthorityError` PKI_DAMAGED.
 */
export async function openAuthority(options: AuthorityOptions): Promise<Authority> {
  const { folder, instance, store, log, now = Date.now } = options
  const writer = createIssuedWriter(store, now)
  const left = await writer.abandonAll()
  if (left > 0) log.warn({ left }, 'a crash left certificates unsigned, or unknown to anybody')
  const own = instanceFolder(folder, instance)
  const tokens = await JoinTokens.open({ store, folder: own, now, log })
  const reader = createIssuedReader(store, now)
  const { claim, told } = writer
  const issuance = new Issuance({ ...options, issued: writer, record: reader, now })
  return new OpenAuthority(options, { issuance, tokens, issued: { ...reader, claim, told } })
}

interface Opened {
  readonly issuance: Issuance
  readonly tokens: JoinTokens
  readonly issued: Authority['issued']
}

class OpenAuthority implements Authority {
  readonly instance: string
  readonly trustDomain: string
  readonly tokens: JoinTokens
  readonly issued: Authority['issued']
  readonly #issuance: Issuance
  readonly #options: AuthorityOptions
  /** The authority's own line of certificates, one for each run. */
  #own: { readonly serial: string; readonly lineage: string } | undefined

  constructor(options: AuthorityOptions, opened: Opened) {
    this.instance = options.instance
    this.trustDomain = options.trustDomain
    this.tokens = opened.tokens
    this.issued = opened.issued
    this.#issuance = opened.issuance
    this.#options = options
  }

  get endsAt(): Date {
    const active = this.#options.signers.all().find(({ state }) => state === 'active')
    return new Date(active?.span.notAfter ?? 0)
  }

  bundle(): { bundle: string; sequence: number } {
    const { trust } = this.#options
    return { bundle: trust.bundle(), sequence: trust.sequence() }
  }

  prepare(request: IssueRequest): Promise<Prepared> {
    return this.#issuance.prepare(request)
  }

  repeat(request: IssueRequest): Issued | undefined {
    return this.#issuance.repeat(request)
  }

  async issue(request: IssueRequest): Promise<Issued> {
    return await (await this.prepare(request)).commit()
  }

  async selfIssue(name: string, csr: string): Promise<Issued> {
    if (name !== 'authority') throw new AuthorityError('CSR_REFUSED', 'it is not for the authority')
    // It needs nobody's word to go on after its certificate was taken back, only another line.
    if (this.#own !== undefined && this.#options.revocations.has(this.#own)) this.#own = undefined
    const request = { profile: 'platform', kind: 'self', name, csr, asker: this.instance } as const
    const renews = this.#own
    const prepared = await this.prepare(renews === undefined ? request : { ...request, renews })
    const issued = await prepared.commit()
    this.#own = { serial: prepared.serial, lineage: prepared.lineage }
    return issued
  }
}
