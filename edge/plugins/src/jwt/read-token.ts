import type { PluginRequest } from '@countersign/kong'
import { cookieValues } from '../support/cookies.ts'
import { valuesOf } from '../support/parameters.ts'
import { bearerTokens, UNREADABLE } from '../tokens/bearer.ts'
import type { JwtConfig } from './jwt.ts'
import type { JwtRefusals } from './refusals.ts'

/**
 * The one token of a request, wherever the configuration lets it stand. Two are refused, also where they are the same:
 * what a first reader ignores, a second one might believe.
 */
export function readToken(asked: PluginRequest, config: JwtConfig, refuse: JwtRefusals): string {
  const found: (string | typeof UNREADABLE)[] = []
  for (const name of config.header_names) found.push(...bearerTokens(asked, name.toLowerCase()))
  for (const name of config.uri_param_names) found.push(...valuesOf(asked.query, name))
  for (const name of config.cookie_names) found.push(...cookieValues(asked, name))
  const [token, ...others] = found.filter((one) => one !== '')
  if (token === undefined) throw refuse.missing()
  if (others.length > 0) throw refuse.invalid('Multiple tokens provided')
  if (token === UNREADABLE) throw refuse.invalid('Unrecognizable token')
  return token
}
