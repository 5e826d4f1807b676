import { messageOf } from '@countersign/ground/errors'
import type { JsonObject } from '@countersign/ground/jose'
import * as client from 'openid-client'
import { CACHED_TOKEN_CHARS_MAX, USER_INFOS_UNDER_WAY_MAX } from '../limits.ts'
import { BoundedCache } from '../support/bounded-cache.ts'
import type { OidcConfig } from './config.ts'
import type { Parts, ProviderClient } from './provider.ts'

interface Known {
  readonly info: JsonObject
  /** Milliseconds since 1970. */
  readonly until: number
}

/*
 * What the issuer says of who an access token is of (OpenID Connect Core 1.0 section 5.3): asked for once by all who
 * wait for it, kept for `cache_ttl`, and believed for the same `sub` as the token's only (section 5.3.2).
 */
export function createUserInfo(
  config: OidcConfig,
  { tools, refuse, provider }: Parts & { readonly provider: ProviderClient },
) {
  const known = new BoundedCache<Known>()
  const underWay = new Map<string, Promise<JsonObject>>()

  const ask = async (token: string, sub: unknown): Promise<JsonObject> => {
    if (typeof sub !== 'string') throw refuse.invalid('the token does not say whose it is')
    const configured = await provider.configuration()
    if (configured.serverMetadata().userinfo_endpoint === undefined)
      throw refuse.unavailable('the issuer names no userinfo endpoint')
    try {
      return await client.fetchUserInfo(configured, token, sub)
    } catch (error) {
      if (isVerdict(error)) throw refuse.invalid('the issuer does not say who the token is of')
      throw refuse.unavailable(`who it is cannot be asked for: ${messageOf(error)}`)
    }
  }
  return (token: string, sub: unknown): JsonObject | Promise<JsonObject> => {
    const key = `${String(sub)} ${token}`
    const before = known.get(key)
    if (before !== undefined && tools.now() < before.until) return before.info
    const running = underWay.get(key)
    if (running !== undefined) return running
    if (underWay.size >= USER_INFOS_UNDER_WAY_MAX)
      throw refuse.unavailable('too many persons are asked for')
    const started = ask(token, sub)
      .then((info) => {
        const until = tools.now() + config.cache_ttl * 1000
        if (config.cache_user_info && key.length <= CACHED_TOKEN_CHARS_MAX)
          known.set(key, { info, until })
        return info
      })
      .finally(() => underWay.delete(key))
    underWay.set(key, started)
    return started
  }
}

/** The issuer does not take the token, or says that it is of somebody else. */
const isVerdict = (error: unknown): boolean =>
  (error instanceof client.WWWAuthenticateChallengeError && error.status < 500) ||
  (error instanceof client.ClientError && error.code === 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED')
