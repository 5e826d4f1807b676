import { createHash } from 'node:crypto'
import { canonicalPath } from '@countersign/ground/http1'
import type { PluginRequest } from '@countersign/kong'
import { CLOCK_SKEW_SECONDS_MAX } from '../limits.ts'
import { PUBLIC_KEY_ALGORITHMS } from '../tokens/algorithms.ts'
import { type ParsedToken, parseToken, textClaim } from '../tokens/parse-token.ts'
import { readProofKey, thumbprintOf } from './issuer-keys.ts'

/*
 * A proof that who sends a token has the key that it is bound to (RFC 9449 section 4.3):
 *
 * 1. there is just one, a JWT of the type `dpop+jwt`, with an algorithm for public keys
 * 2. it brings a public key, which is the one that the token is bound to: nothing else would say whose it is
 * 3. it is for this method and this address, without query, and for this token (`ath`)
 * 4. it was made `lifetimeSeconds` ago at most, and no more than a minute ahead
 * 5. its signature holds
 *
 * What is cheap comes first: who has only stolen a token costs no cryptography. Whether it was used before is for
 * `proof-uses.ts`.
 */
export interface Proof {
  /** Tells it from every other proof. */
  readonly id: string
  /** What its maker was given to put in. */
  readonly nonce: string | undefined
}

/** A text says what is wrong with it. */
export function checkProof(
  asked: PluginRequest,
  about: {
    readonly token: string
    readonly thumbprint: string
    readonly now: number
    readonly lifetimeSeconds: number
  },
): Proof | string {
  const [header, ...others] = asked.all('dpop')
  if (header === undefined || others.length > 0) return 'there is not just one proof'
  const proof = parseToken(header)
  if (typeof proof === 'string') return `the proof is no JWT: ${proof}`
  if (proof.type !== 'dpop+jwt') return 'the proof is of another type'
  if (!PUBLIC_KEY_ALGORITHMS.includes(proof.algorithm)) return 'the algorithm needs a secret'
  const { jwk } = proof.header
  if (thumbprintOf(jwk) !== about.thumbprint) return 'the token is bound to another key'
  const jti = textClaim(proof.claims, 'jti')
  if (jti === undefined || jti === '' || jti.length > JTI_CHARS_MAX) return 'the proof has no id'
  const fault = faultOf(proof, asked, about)
  if (fault !== undefined) return fault
  const verifies = readProofKey(jwk, proof.algorithm)
  if (verifies?.(proof.input, proof.signature) !== true)
    return 'the signature of the proof does not hold'
  return {
    id: hashOf(`${about.thumbprint} ${hashOf(jti)}`),
    nonce: textClaim(proof.claims, 'nonce'),
  }
}
const JTI_CHARS_MAX = 256

function faultOf(
  { claims }: ParsedToken,
  asked: PluginRequest,
  about: { readonly token: string; readonly now: number; readonly lifetimeSeconds: number },
): string | undefined {
  if (claims.htm !== asked.method) return 'the proof is for another method'
  if (!isAddressOf(textClaim(claims, 'htu'), asked)) return 'the proof is for another address'
  if (claims.ath !== hashOf(about.token)) return 'the proof is for another token'
  const { iat } = claims
  const age = typeof iat === 'number' ? about.now / 1000 - iat : Number.NaN
  if (!(age >= -CLOCK_SKEW_SECONDS_MAX)) return 'the proof is of the future'
  return age <= about.lifetimeSeconds ? undefined : 'the proof is too old'
}

/** Compared without query and fragment, in their one form (RFC 9449 section 4.3, RFC 3986 section 6.2). */
function isAddressOf(htu: string | undefined, asked: PluginRequest): boolean {
  const said = htu === undefined ? null : URL.parse(htu)
  const door = URL.parse(`https://${asked.header('host') ?? ''}`)
  if (said === null || door === null || said.origin !== door.origin) return false
  const path = canonicalPath(said.pathname)
  return path.ok && path.path === asked.path
}

const hashOf = (text: string): string => createHash('sha256').update(text).digest('base64url')
