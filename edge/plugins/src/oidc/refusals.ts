import { Refusal } from '@countersign/layers'
import { challenge } from '../support/refuse.ts'
import type { OidcConfig } from './config.ts'

/** How openid-connect refuses: Kong's texts, which an operator may change; why is for the log. */
export interface OidcRefusals {
  missing(): Refusal
  invalid(why: string): Refusal
  forbidden(why: string): Refusal
  unavailable(why: string): Refusal
}

export function createOidcRefusals(config: OidcConfig): OidcRefusals {
  const unauthorized = config.unauthorized_error_message
  const realm = new URL(config.issuer).host
  const header = (error?: string) => ({ 'www-authenticate': challenge('Bearer', realm, error) })
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
