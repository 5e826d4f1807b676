import type { TrustWord } from '@countersign/contract/platform'
import type { Log } from '@countersign/ground/telemetry'
import type { RenewingIdentity } from '../identity/renewing-identity.ts'
import { checkBundle } from './check-bundle.ts'
import { UNCLAIMED_MAX } from './limits.ts'
import type { Revocations } from './revocations.ts'
import { type Own, readOwn, renewSoonMs } from './trust-plan.ts'
import { Unclaimed, type UnrequestedCertificate } from './unclaimed.ts'

export interface BelievedOptions {
  readonly trustDomain: string
  readonly identity: RenewingIdentity
  /** Those of the identity. */
  readonly revocations: Revocations
  readonly log: Log
  /** Our own certificate was taken back: this process can do nothing any more. Called once. */
  readonly onRevoked?: () => void
}

/*
 * What became of the authorities' words:
 *
 * 1. what was taken back is known before anything else of a word is looked at
 * 2. a newer bundle is checked, and believed; never an older one
 * 3. who shows a certificate of an issuer that signs no more gets a new one soon
 * 4. certificates of our name that nobody reports are told of, once each
 */
export class Believed {
  readonly #options: BelievedOptions
  readonly #listeners = new Set<() => void>()
  readonly #unclaimed = new Unclaimed()
  #issuers: readonly string[] = []
  /** The serial for which a renewal was asked for, and how many of those have brought nothing better. */
  #renewedFor: string | undefined
  #inVain = 0
  #onUnrequested: ((found: UnrequestedCertificate) => void) | undefined
  /** Those that were found before somebody listened. */
  readonly #untold: UnrequestedCertificate[] = []
  own: Own
  revision: string | undefined
  revoked = false

  constructor(options: BelievedOptions) {
    this.#options = options
    this.own = readOwn(options.identity.current().chain)
    this.#unclaimed.own(this.own.serial)
  }

  get issuers(): readonly string[] {
    return this.#issuers
  }
  onIssuers(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }
  /** `listener` is told of certificates of our name that nobody reports, also of those found before. */
  onUnrequested(listener: (found: UnrequestedCertificate) => void): void {
    this.#onUnrequested = listener
    for (const found of this.#untold.splice(0)) this.guard(() => listener(found))
  }

  /** Throws where the word is not to be believed. What it takes back counts all the same. */
  take(word: TrustWord): void {
    const { identity, revocations, trustDomain } = this.#options
    const known = word.revision === this.revision
    revocations.take(known ? [] : word.revoked, word.nextUpdate)
    this.#lookForOurselves()
    if (word.sequence > identity.sequence) {
      const fault = checkBundle(word.bundle, trustDomain)
      if (fault !== undefined) throw new Error(`the trust bundle is of no use: ${fault}`)
      identity.believe(word)
    }
    this.revision = word.revision
    this.#takeIssuers(word.issuers)
    for (const found of this.#unclaimed.news(word.unclaimed, Date.now())) this.#alarm(found)
  }

  /** The identity may have another certificate now. */
  lookAtOwn(): void {
    this.own = readOwn(this.#options.identity.current().chain)
    this.#unclaimed.own(this.own.serial)
    this.#renewIfOutOfUse()
  }

  /** A listener's mistake must not stop us. */
  guard(step: () => void): void {
    try {
      step()
    } catch (error) {
      this.#options.log.error({ err: error }, 'a listener to the authorities failed')
    }
  }

  #lookForOurselves(): void {
    const { revocations, log, onRevoked } = this.#options
    if (this.revoked || revocations.refusalOf(this.own) !== 'REVOKED') return
    this.revoked = true
    const { serial, lineage } = this.own
    log.fatal({ serial, lineage }, 'our own certificate was taken back: no door takes us any more')
    onRevoked?.()
  }

  #takeIssuers(issuers: readonly string[]): void {
    const changed = issuers.join() !== this.#issuers.join()
    this.#issuers = issuers
    this.#renewIfOutOfUse()
    if (changed) for (const listener of [...this.#listeners]) this.guard(listener)
  }

  /** Asked for once with each certificate: an authority that lags may sign with what another has put out of use. */
  #renewIfOutOfUse(): void {
    const { serial, issuer, notBefore, notAfter } = this.own
    if (this.#issuers.length === 0 || this.#issuers.includes(issuer)) {
      this.#inVain = 0
    } else if (this.#renewedFor !== serial) {
      this.#renewedFor = serial
      const delayMs = renewSoonMs(notAfter - notBefore, this.#inVain++, Math.random())
      this.#options.identity.renewNow(delayMs)
    }
  }

  #alarm(found: UnrequestedCertificate): void {
    const { serial, lineage } = found
    this.#options.log.warn({ serial, lineage }, 'a certificate of our name that nobody reports')
    if (this.#onUnrequested !== undefined) this.guard(() => this.#onUnrequested?.(found))
    else if (this.#untold.length < UNCLAIMED_MAX) this.#untold.push(found)
  }
}
