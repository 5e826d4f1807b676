import type { PluginRequest } from '@countersign/kong'

/*
 * Tokens in a header (RFC 6750 section 2.1, RFC 9449 section 7.1): the scheme in any case, one token68 after it. Other
 * schemes are none; a second word, a list or an empty token is one that cannot be read.
 */
const BEARER = /^\s*bearer(?![^ \t,])/i
const ONE_BEARER = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i
const DPOP = /^\s*dpop(?![^ \t,])/i
const ONE_DPOP = /^dpop +([A-Za-z0-9._~+/-]+=*)$/i

export const UNREADABLE: unique symbol = Symbol('unreadable')

/** A token and how it was sent. */
export interface SentToken {
  readonly token: string
  readonly scheme: 'Bearer' | 'DPoP'
}

/** The bearer tokens in all headers of this name (lower case). */
export function bearerTokens(asked: PluginRequest, name: string): (string | typeof UNREADABLE)[] {
  return tokensIn(asked.all(name), BEARER, ONE_BEARER)
}

/** Tokens that say of themselves that they need a proof. */
export function dpopTokens(asked: PluginRequest): (string | typeof UNREADABLE)[] {
  return tokensIn(asked.all('authorization'), DPOP, ONE_DPOP)
}

function tokensIn(values: readonly string[], scheme: RegExp, one: RegExp) {
  const tokens: (string | typeof UNREADABLE)[] = []
  for (const value of values)
    if (scheme.test(value)) tokens.push(one.exec(value)?.[1] ?? UNREADABLE)
  return tokens
}
