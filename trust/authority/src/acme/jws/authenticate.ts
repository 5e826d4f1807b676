import { RateBuckets } from '../domain/bucket.ts'
import { CHAOS_KEYS_MAX, type AcmeRates } from '../limits.ts'
import type { Nonces } from '../nonces.ts'
import { AcmeProblem, malformed, tooMany, unproven } from '../problem.ts'
import type { Account } from '../account/account.ts'
import { type AccountKey, ALGORITHMS, importAccountKey, verifies } from './account-key.ts'
import { type Jws, parseJws } from './parse-jws.ts'

/*
 * Who asks (RFC 8555, 6.2 to 6.5), in this order:
 *
 *  1. the body is a JWS, and says so
 *  2. the algorithm is on our list
 *  3. `url` is, letter by letter, where it was sent
 *  4. the key: an account of this server by `kid`, or a key by `jwk` - whichever this resource takes
 *  5. the algorithm is that of the key
 *  6. the signature holds
 *  7. the nonce is one of ours, used for the first time; only a signature that holds can use one up
 *  8. the account is valid
 *  9. the key has not asked too often
 */
export type KeyWay = 'account' | 'key' | 'either'

export interface Incoming {
  readonly contentType: string | undefined
  readonly body: Buffer
  /** Where the request was sent, as the client has to name it. */
  readonly url: string
  /** What the kid of an account starts with. */
  readonly accountUrl: string
}
export interface Proven {
  readonly key: AccountKey
  /** Undefined where the request brought a key. */
  readonly account: Account | undefined
  readonly payload: Buffer
}

export interface AuthenticateOptions {
  readonly nonces: Nonces
  readonly rates: AcmeRates
  /** Share of good nonces that are refused, as a trial of clients: 0 to 1. */
  readonly rejectNonceShare: number
  readonly now: () => number
  readonly random: () => number
  find(accountId: string): { readonly account: Account; readonly key: AccountKey } | undefined
}

export class Authenticator {
  readonly #options: AuthenticateOptions
  readonly #buckets: RateBuckets
  /** Keys whose last request was refused for the sake of the trial. The next one passes: some clients try only twice. */
  readonly #tried = new Set<string>()

  constructor(options: AuthenticateOptions) {
    this.#options = options
    this.#buckets = new RateBuckets(options.rates.requestsPerKey)
  }

  /** Throws `AcmeProblem`. */
  authenticate(incoming: Incoming, way: KeyWay): Proven {
    if (incoming.contentType !== 'application/jose+json') {
      const detail = 'requests are of type application/jose+json'
      throw new AcmeProblem('malformed', detail, { status: 415 })
    }
    const jws = parseJws(incoming.body)
    if (!ALGORITHMS.some((algorithm) => algorithm === jws.alg)) throw badAlgorithm()
    if (jws.url !== incoming.url) throw unproven('the url in the JWS is not where it was sent')
    const proven = { ...this.#keyOf(jws, incoming, way), payload: jws.payload }
    if (proven.key.algorithm !== jws.alg) throw badAlgorithm()
    if (!verifies(proven.key, jws.input, jws.signature)) throw unproven('the signature is wrong')
    this.#useNonce(jws, proven.key)
    if (proven.account !== undefined && proven.account.status !== 'valid')
      throw unproven('the account is deactivated')
    const wait = this.#buckets.take(proven.key.thumbprint, this.#options.now())
    if (wait > 0) throw tooMany('this key asks too often', wait)
    return proven
  }

  #keyOf(jws: Jws, incoming: Incoming, way: KeyWay): Pick<Proven, 'key' | 'account'> {
    if (jws.key.by === 'jwk') {
      if (way === 'account') throw malformed('this resource is asked with a kid')
      return { key: importAccountKey(jws.key.jwk), account: undefined }
    }
    if (way === 'key') throw malformed('this resource is asked with a jwk')
    const { kid } = jws.key
    const id = kid.startsWith(incoming.accountUrl) ? kid.slice(incoming.accountUrl.length) : ''
    const found = this.#options.find(id)
    if (found === undefined)
      throw new AcmeProblem('accountDoesNotExist', 'the kid is no account of this server')
    return found
  }

  #useNonce({ nonce }: Jws, key: AccountKey): void {
    const { nonces, rejectNonceShare, random } = this.#options
    if (nonce === undefined || !nonces.use(nonce))
      throw new AcmeProblem('badNonce', 'the nonce is missing, used, or too old')
    const tried = this.#tried.delete(key.thumbprint)
    if (tried || !(random() < rejectNonceShare)) return
    const [oldest] = this.#tried
    if (this.#tried.size >= CHAOS_KEYS_MAX && oldest !== undefined) this.#tried.delete(oldest)
    this.#tried.add(key.thumbprint)
    throw new AcmeProblem('badNonce', 'the nonce is refused by chance, as a trial')
  }
}

function badAlgorithm(): AcmeProblem {
  const detail = 'the signature is of an algorithm that is not accepted, or not that of the key'
  return new AcmeProblem('badSignatureAlgorithm', detail, { algorithms: ALGORITHMS })
}
