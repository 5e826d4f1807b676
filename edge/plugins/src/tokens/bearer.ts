import type { PluginRequest } from '@countersign/kong'

/*
 * Tokens in a header (RFC 6750 section 2.1): the scheme in any case, one token68 after it. Other schemes are none; a
 * second word, a list or an empty token is one that cannot be read.
 */
const BEARER = /^\s*bearer(?![^ \t,])/i
const ONE_TOKEN = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i

export const UNREADABLE: unique symbol = Symbol('unreadable')

/** The bearer tokens in all headers of this name (lower case). */
export function bearerTokens(asked: PluginRequest, name: string): (string | typeof UNREADABLE)[] {
  const tokens: (string | typeof UNREADABLE)[] = []
  for (const value of asked.all(name))
    if (BEARER.test(value)) tokens.push(ONE_TOKEN.exec(value)?.[1] ?? UNREADABLE)
  return tokens
}
