import type { JsonObject } from '@countersign/ground/jose'
import type { PluginRequest, PluginTools } from '@countersign/kong'
import type { Person } from '@countersign/policy'
import { CACHED_TOKEN_CHARS_MAX, CACHED_VERDICT_MS_MAX } from '../limits.ts'
import { BoundedCache } from '../support/bounded-cache.ts'
import { type ParsedToken, parseToken } from '../tokens/parse-token.ts'
import { createBearerCheck, type CheckedToken } from './bearer.ts'
import type { SentToken } from '../tokens/bearer.ts'
import { createBinding } from './binding.ts'
import type { OidcConfig } from './config.ts'
import { createIntrospection } from './introspection.ts'
import type { IssuerSource } from './issuer-source.ts'
import { placesOf } from './metadata.ts'
import { createOwnTokens } from './own-tokens.ts'
import type { OidcRefusals } from './refusals.ts'

/** What a good token says; a person only where it is of our own provider. */
export interface Proof {
  readonly claims: JsonObject
  readonly person?: Person
}
interface Verdict extends CheckedToken {
  /** Milliseconds since 1970. */
  readonly until: number
}

/*
 * Access tokens in a request: JWTs are checked here, others (and with `introspect_jwt_tokens` all of them) the issuer is
 * asked for. Verdicts are kept by the whole token, as long as token, keys and a minute last.
 */
export function createAccessTokens(
  config: OidcConfig,
  parts: { source: IssuerSource; tools: PluginTools; refuse: OidcRefusals },
) {
  const { source, tools, refuse } = parts
  const isBearer = config.auth_methods.includes('bearer')
  if (isBearer && placesOf(config.issuer).issuer === tools.issuer)
    return createOwnTokens(config, parts)
  const checkBearer = createBearerCheck(config, parts)
  const introspection = config.auth_methods.includes('introspection')
    ? createIntrospection(config, parts)
    : undefined
  const verdicts = new BoundedCache<Verdict>()

  const keep = (token: string, checked: CheckedToken): JsonObject => {
    const until = Math.min(checked.expiresAt, tools.now() + CACHED_VERDICT_MS_MAX)
    if (token.length <= CACHED_TOKEN_CHARS_MAX) verdicts.set(token, { ...checked, until })
    return checked.claims
  }
  const checkJwt = (token: string, parsed: ParsedToken): JsonObject | Promise<JsonObject> => {
    const checked = checkBearer(parsed)
    return checked instanceof Promise
      ? checked.then((late) => keep(token, late))
      : keep(token, checked)
  }
  const checkBinding = createBinding(config, parts)
  const bound = (
    claims: JsonObject,
    asked: PluginRequest,
    sent: SentToken,
  ): Proof | Promise<Proof> => {
    const checked = checkBinding(claims, asked, sent)
    return checked === undefined ? { claims } : checked.then(() => ({ claims }))
  }
  const checkAny = (token: string): JsonObject | Promise<JsonObject> => {
    const parsed = parseToken(token)
    const asks = introspection !== undefined && (typeof parsed === 'string' || !isBearer)
    if (asks || (introspection !== undefined && config.introspect_jwt_tokens))
      return introspection.introspect(token)
    if (typeof parsed === 'string') throw refuse.invalid(`the token is no JWT: ${parsed}`)
    if (!isBearer) throw refuse.invalid('tokens are not taken')
    return checkJwt(token, parsed)
  }
  return {
    /** What is known of it: costs no cryptography. */
    recall(sent: SentToken, asked: PluginRequest): Proof | Promise<Proof> | undefined {
      const { token } = sent
      const verdict = verdicts.get(token)
      if (
        verdict !== undefined &&
        verdict.state === source.current() &&
        tools.now() < verdict.until
      )
        return bound(verdict.claims, asked, sent)
      const claims = introspection?.recall(token)
      return claims === undefined ? undefined : bound(claims, asked, sent)
    },
    check(sent: SentToken, asked: PluginRequest): Proof | Promise<Proof> {
      const claims = checkAny(sent.token)
      return claims instanceof Promise
        ? claims.then((late) => bound(late, asked, sent))
        : bound(claims, asked, sent)
    },
  }
}
