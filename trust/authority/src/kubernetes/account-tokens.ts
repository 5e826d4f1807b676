import { createHash } from 'node:crypto'
import {
  checkSignature,
  JwsFault,
  type KeySet,
  type ParsedJws,
  parseJsonObject,
  parseJws,
  selectKey,
} from '@countersign/ground/jose'
import type { Log } from '@countersign/ground/telemetry'
import { type FetchKeys, KeySource, keysUnavailable } from '@countersign/layers'
import { AuthorityError } from '../errors.ts'
import { checkAccount } from './check-account.ts'

/** A service-account token that is in order, and whom it lets join. */
export interface KnownAccount {
  /** By which its use is remembered: that of the token's id, or of all that is signed. */
  readonly hash: string
  readonly name: string
  /** Milliseconds since 1970. */
  readonly expiresAt: number
}
export interface AccountTokensOptions {
  readonly issuer: string
  readonly audience: string
  /** Names of workloads by `namespace/account`. */
  readonly accounts: ReadonlyMap<string, string>
  readonly fetchKeys: FetchKeys
  readonly log: Log
  readonly now?: () => number
}

/** Checks the service-account tokens of one Kubernetes cluster. */
export class AccountTokens {
  readonly #options: AccountTokensOptions
  readonly #now: () => number
  readonly #source: KeySource

  constructor(options: AccountTokensOptions) {
    const { fetchKeys, log, now = Date.now } = options
    this.#options = options
    this.#now = now
    this.#source = new KeySource({ fetchKeys, log, now, onChange: () => undefined })
  }

  /**
   * Whose token it is. Says nothing of whether it has been used before.
   * Throws `AuthorityError` TOKEN_REFUSED, or `Refusal` KEYS_UNAVAILABLE where the cluster's keys cannot be had.
   */
  async verify(token: string): Promise<KnownAccount> {
    const jws = parseJws(token)
    if (jws instanceof JwsFault) throw refused(jws.text)
    const { typ } = jws.header
    if (typ !== undefined && typ.toUpperCase() !== 'JWT') throw refused('it is of another type')
    const claims = parseJsonObject(jws.payload)
    if (claims === undefined) throw refused('its claims are not one plain JSON object')
    const account = checkAccount(claims, { ...this.#options, now: this.#now() })
    if (typeof account === 'string') throw refused(account)
    const name = this.#options.accounts.get(account.account)
    if (name === undefined) throw refused(`no workload belongs to ${account.account}`)
    await this.#checkSignature(jws)
    const what = account.id === undefined ? jws.input : `${this.#options.issuer}\0${account.id}`
    const hash = createHash('sha256').update(what).digest('base64url')
    return { hash, name, expiresAt: account.expiresAt }
  }

  close(): void {
    this.#source.close()
  }

  async #checkSignature(jws: ParsedJws): Promise<void> {
    const keys = this.#source.current()
    const known = keys === undefined ? undefined : this.#verifyWith(jws, keys)
    if (known === true) return
    // The cluster may have a new key: one look for it, shared and bounded by the source.
    await (keys === undefined ? this.#source.awaitKeys() : this.#source.awaitUnknownKey())
    const fresh = this.#source.current()
    if (fresh === undefined) throw keysUnavailable(this.#source.lastError)
    if (!this.#verifyWith(jws, fresh)) throw refused('its key is not known')
  }

  /** False: its key is not among these. Throws where it is and the signature does not hold. */
  #verifyWith(jws: ParsedJws, keys: KeySet): boolean {
    const key = selectKey(jws.header, keys)
    if (key instanceof JwsFault) {
      if (key.code === 'KEY_UNKNOWN') return false
      throw refused(key.text)
    }
    const fault = checkSignature(jws, key)
    if (fault !== undefined) throw refused(fault.text)
    return true
  }
}

function refused(why: string): AuthorityError {
  return new AuthorityError('TOKEN_REFUSED', `service-account token: ${why}`)
}
