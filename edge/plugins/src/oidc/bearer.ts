import type { JsonObject } from '@countersign/ground/jose'
import type { PluginTools } from '@countersign/kong'
import { checkTimes } from '../tokens/check-times.ts'
import type { ParsedToken } from '../tokens/parse-token.ts'
import { isAudience } from './claims.ts'
import type { OidcConfig } from './config.ts'
import type { IssuerKey } from './issuer-keys.ts'
import type { IssuerSource, IssuerState } from './issuer-source.ts'
import type { OidcRefusals } from './refusals.ts'

/** A token that the issuer has made, and that is good now. */
export interface CheckedToken {
  readonly claims: JsonObject
  /** With what it was checked: as soon as that is another, it has to be checked again. */
  readonly state: IssuerState
  /** Milliseconds since 1970. */
  readonly expiresAt: number
}

/*
 * Access tokens that are JWTs (RFC 9068 section 4, RFC 8725):
 *
 * 1. `iss` is the issuer, exactly, or one that is allowed beside it
 * 2. `kid` names a key of the issuer; without one there is just one key
 * 3. `alg` is the algorithm of that key; the signature holds
 * 4. it is an access token, as far as one can tell: no ID, refresh or logout token
 * 5. it is for us; it is good now
 */
export function createBearerCheck(
  config: OidcConfig,
  { source, tools, refuse }: { source: IssuerSource; tools: PluginTools; refuse: OidcRefusals },
) {
  const checkWith = (token: ParsedToken, state: IssuerState): CheckedToken | undefined => {
    const key = findKey(token, state)
    if (key === undefined) return undefined
    const fault = faultOf(token, config, { state, key, now: tools.now() })
    if (fault !== undefined) throw refuse.invalid(fault)
    return { claims: token.claims, state, expiresAt: Number(token.claims.exp) * 1000 }
  }
  const checkAfter = async (token: ParsedToken, fetched: Promise<void>): Promise<CheckedToken> => {
    await fetched
    const state = source.current()
    if (state === undefined) throw refuse.unavailable('nothing is known of the issuer')
    const checked = checkWith(token, state)
    if (checked === undefined) throw refuse.invalid('the key of the token is not known')
    return checked
  }
  return (token: ParsedToken): CheckedToken | Promise<CheckedToken> => {
    const state = source.current()
    const checked = state === undefined ? undefined : checkWith(token, state)
    if (checked !== undefined) return checked
    // Keys change: once in a while it is worth asking for one that is not known.
    const fetched = source.refreshed()
    if (fetched !== undefined) return checkAfter(token, fetched)
    throw state === undefined
      ? refuse.unavailable('nothing is known of the issuer')
      : refuse.invalid('the key of the token is not known')
  }
}

function findKey({ keyId }: ParsedToken, { keys }: IssuerState): IssuerKey | undefined {
  if (keyId !== undefined) return keys.get(keyId)
  return keys.size === 1 ? [...keys.values()][0] : undefined
}

function faultOf(
  token: ParsedToken,
  config: OidcConfig,
  {
    state,
    key,
    now,
  }: { readonly state: IssuerState; readonly key: IssuerKey; readonly now: number },
): string | undefined {
  const { claims } = token
  if (!isIssuer(claims.iss, config, state)) return 'the token is of another issuer'
  if (token.algorithm !== key.algorithm) return "the algorithm of the token is not the key's"
  const fault = checkTimes(claims, { now, leewaySeconds: config.leeway })
  if (fault !== undefined) return `${fault.claim} ${fault.text}`
  if (!isAudience(claims, config)) return 'the token is for another audience'
  if (!isAccessToken(token)) return 'it is not an access token'
  return key.verifies(token.input, token.signature) ? undefined : 'the signature does not hold'
}

function isIssuer(iss: unknown, { issuers_allowed: allowed }: OidcConfig, state: IssuerState) {
  return iss === state.metadata.issuer || (typeof iss === 'string' && allowed?.includes(iss))
}

const TYPES: readonly unknown[] = [undefined, 'jwt', 'at+jwt', 'application/at+jwt', 'bearer']
const OTHER_KINDS: readonly unknown[] = ['ID', 'Refresh', 'Offline', 'Logout']

/** Not every issuer says of its access tokens that they are: others are told by what only they have. */
function isAccessToken({ type, claims }: ParsedToken): boolean {
  if (!TYPES.includes(type?.toLowerCase())) return false
  if (OTHER_KINDS.includes(claims.typ)) return false
  return !['at_hash', 'c_hash', 's_hash', 'events'].some((name) => Object.hasOwn(claims, name))
}
