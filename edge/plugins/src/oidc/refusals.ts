import { Refusal } from '@countersign/layers'
import { challenge } from '../support/refuse.ts'
import { PUBLIC_KEY_ALGORITHMS } from '../tokens/algorithms.ts'
import type { OidcConfig } from './config.ts'

/** How openid-connect refuses: Kong's texts, which an operator may change; why is for the log. */
export interface OidcRefusals {
  missing(): Refusal
  invalid(why: string): Refusal
  /** A token that is bound to a key came without a good proof of it. */
  proof(why: string): Refusal
  /** The proof is good, but has to be made anew with `nonce` in it (RFC 9449 section 9). */
  nonce(nonce: string): Refusal
  forbidden(why: string): Refusal
  unavailable(why: string): Refusal
}

export function createOidcRefusals(config: OidcConfig): OidcRefusals {
  const unauthorized = config.unauthorized_error_message
  const realm = new URL(config.issuer).host
  const scheme = config.proof_of_possession_dpop === 'strict' ? 'DPoP' : 'Bearer'
  const header = (error?: string) => ({ 'www-authenticate': challenge(scheme, realm, error) })
  return {
    missing: () =>
      new Refusal('TOKEN_MISSING', {
        ...{ message: unauthorized, rule: 'openid-connect: nothing proves who asks' },
        remedy: 'send an access token of the issuer as "Authorization: Bearer <token>"',
        headers: header(),
      }),
    invalid: (why) =>
      new Refusal('TOKEN_INVALID', {
        ...{ message: unauthorized, rule: `openid-connect: ${why}` },
        remedy: 'send an access token that the issuer has made for this audience',
        headers: header('invalid_token'),
      }),
    proof: (why) =>
      new Refusal('TOKEN_INVALID', {
        ...{ message: unauthorized, rule: `openid-connect: ${why}` },
        remedy:
          'send the token as "Authorization: DPoP <token>", with a new proof for each request',
        headers: {
          'www-authenticate': `DPoP realm="${realm}", error="invalid_dpop_proof", algs="${ALGS}"`,
        },
      }),
    nonce: (nonce) =>
      new Refusal('TOKEN_INVALID', {
        ...{ message: unauthorized, rule: 'openid-connect: the proof may have been used before' },
        remedy: 'make the proof anew, with the text of the header DPoP-Nonce as its claim "nonce"',
        headers: {
          'www-authenticate': `DPoP realm="${realm}", error="use_dpop_nonce", algs="${ALGS}"`,
          'dpop-nonce': nonce,
          'cache-control': 'no-store',
        },
      }),
    forbidden: (why) =>
      new Refusal('OPERATOR_DENIED', {
        ...{ message: config.forbidden_error_message, rule: `openid-connect: ${why}` },
        remedy: 'get a token with the scopes, roles and groups that the plugin asks for',
        headers: header('insufficient_scope'),
      }),
    unavailable: (why) =>
      new Refusal('KEYS_UNAVAILABLE', {
        ...{ message: 'An unexpected error occurred', rule: `openid-connect: ${why}` },
        remedy: 'bring the issuer back, and see that this gateway may fetch from it',
        headers: { 'retry-after': '2' },
      }),
  }
}

const ALGS = PUBLIC_KEY_ALGORITHMS.join(' ')
