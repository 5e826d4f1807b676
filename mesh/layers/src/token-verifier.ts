import {
  checkSignature,
  JwsFault,
  type KeySet,
  parseJsonObject,
  parseJws,
  selectKey,
} from '@countersign/ground/jose'
import type { Log, Metrics } from '@countersign/ground/telemetry'
import { type FetchKeys, KeySource } from './key-source.ts'
import type { Refusal } from './refusal.ts'
import type { TokenVerifier, VerifiedToken } from './token.ts'
import { TokenCache } from './token-cache.ts'
import { checkClaims, type Expected } from './token-claims.ts'
import { invalidToken, keysUnavailable } from './token-refusals.ts'

export interface TokenVerifierOptions {
  readonly issuer: string
  readonly audience: string
  readonly fetchKeys: FetchKeys
  /** Milliseconds since 1970. */
  readonly now?: () => number
  readonly log: Log
  readonly metrics?: Metrics
}

/** A verifier with the two powers that a door needs beside `verify`. */
export interface CachingTokenVerifier extends TokenVerifier {
  /** The verdict from the cache, if there is one. Costs no cryptography; throws like `verify` where the binding does not fit. */
  recall(token: string, peerThumbprint: string | undefined): VerifiedToken | undefined
  close(): void
}

/** Makes the verifier of one issuer's access tokens for one audience. Fetches no key before the first token comes. */
export function createTokenVerifier(options: TokenVerifierOptions): CachingTokenVerifier {
  const { now = Date.now, metrics } = options
  const cache = new TokenCache()
  const source = new KeySource({
    fetchKeys: options.fetchKeys,
    now,
    log: options.log,
    onChange: () => cache.clear(),
  })
  const count = createCounter(metrics, cache, source)
  const { issuer, audience } = options

  const recall: CachingTokenVerifier['recall'] = (token, peerThumbprint) => {
    const verified = cache.get(token, now())
    return verified === undefined ? undefined : checkBinding(verified, peerThumbprint)
  }
  /** Answers, or `undefined` where the token names a key that is not among `keys`. */
  const verifyWith = (keys: KeySet, token: string): VerifiedToken | undefined => {
    const verdict = checkToken(token, keys, { issuer, audience, nowSeconds: now() / 1000 })
    if (verdict === undefined) return undefined
    if (typeof verdict === 'string')
      throw count('refused', invalidToken(verdict, remedyFor(verdict)))
    cache.set(token, verdict, now())
    return count('verified', verdict)
  }
  const verifyAfter = async (fetched: Promise<void>, token: string): Promise<VerifiedToken> => {
    await fetched
    const keys = source.current()
    if (keys === undefined) throw count('unavailable', keysUnavailable(source.lastError))
    const verified = verifyWith(keys, token)
    if (verified === undefined) throw count('refused', unknownKey())
    return verified
  }
  const verify: TokenVerifier['verify'] = (token, peerThumbprint) => {
    const known = recall(token, peerThumbprint)
    if (known !== undefined) return known
    const keys = source.current()
    const verified = keys === undefined ? undefined : verifyWith(keys, token)
    if (verified !== undefined) return checkBinding(verified, peerThumbprint)
    const fetched = keys === undefined ? source.awaitKeys() : source.awaitUnknownKey()
    if (fetched !== undefined)
      return verifyAfter(fetched, token).then((late) => checkBinding(late, peerThumbprint))
    throw keys === undefined
      ? count('unavailable', keysUnavailable(source.lastError))
      : count('refused', unknownKey())
  }
  return { verify, recall, close: () => source.close() }
}

/*
 * All that is cheap comes before the signature, so that a flood of rubbish costs little:
 * form, key, algorithm, claims; then the cryptography.
 */
function checkToken(
  token: string,
  keys: KeySet,
  expected: Expected,
): VerifiedToken | string | undefined {
  const jws = parseJws(token)
  if (jws instanceof JwsFault) return jws.text
  const key = selectKey(jws.header, keys)
  if (key instanceof JwsFault) return key.code === 'KEY_UNKNOWN' ? undefined : key.text
  const claims = parseJsonObject(jws.payload)
  if (claims === undefined) return 'claims are not one plain JSON object'
  const verified = checkClaims(jws.header, claims, expected)
  if (typeof verified === 'string') return verified
  return checkSignature(jws, key)?.text ?? verified
}

/** RFC 8705 section 3: a bound token is good only over the connection of its certificate. */
function checkBinding(verified: VerifiedToken, peerThumbprint: string | undefined): VerifiedToken {
  if (verified.boundTo === undefined || verified.boundTo === peerThumbprint) return verified
  throw invalidToken(
    'it is bound to another certificate than that of this connection',
    'send it over a connection with the certificate that it was issued to',
  )
}

const unknownKey = (): Refusal =>
  invalidToken('key is not known', 'send a token that was signed with a published key')
const remedyFor = (why: string): string | undefined =>
  why === 'it has expired' ? 'get a new access token with the refresh token, or log in' : undefined

type Outcome = 'verified' | 'refused' | 'unavailable'
/** Counts what is not a hit: a hit costs less than its counter would. */
function createCounter(metrics: Metrics | undefined, cache: TokenCache, source: KeySource) {
  const total = metrics?.counter(
    'countersign_token_verifications_total',
    'Access tokens that were not found in the cache, by outcome.',
    ['outcome'],
  )
  metrics?.gauge(
    'countersign_token_cache_entries',
    'Verdicts in the token cache.',
    [],
    function () {
      this.set(cache.size)
    },
  )
  metrics?.gauge(
    'countersign_token_keys_age_seconds',
    "Since the issuer's keys were confirmed; +Inf while there are none.",
    [],
    function () {
      this.set(source.ageMs / 1000)
    },
  )
  return <T>(outcome: Outcome, value: T): T => {
    total?.inc({ outcome })
    return value
  }
}
