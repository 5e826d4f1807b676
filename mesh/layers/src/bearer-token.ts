import { Refusal } from './refusal.ts'

/*
 * The credential of a request (RFC 9110 section 11.6.2, RFC 6750 section 2.1):
 *
 * - one Authorization header at most: what a first reader ignores, a second one might believe
 * - the scheme in any case, one space, one token68; a list or a second word is a second credential
 * - other schemes are not ours to judge: they are no bearer token
 */
const BEARER = /^bearer(?![^ \t,])/i
const ONE_CREDENTIAL = /^bearer ([A-Za-z0-9._~+/-]+=*)$/i

/**
 * The bearer token among the headers of a request, given as Node's `rawHeaders` (name, value, name, value …).
 * `undefined`: none was sent. Throws `Refusal` REQUEST_INVALID where there is more than one credential or a broken one.
 */
export function bearerToken(rawHeaders: readonly string[]): string | undefined {
  let found: string | undefined
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]
    if (name?.length !== 13 || name.toLowerCase() !== 'authorization') continue
    if (found !== undefined) throw invalid('more than one Authorization header')
    found = rawHeaders[i + 1]
  }
  if (found === undefined || !BEARER.test(found)) return undefined
  const token = ONE_CREDENTIAL.exec(found)?.[1]
  if (token === undefined) throw invalid('not exactly one bearer token in the Authorization header')
  return token
}

const invalid = (what: string): Refusal =>
  new Refusal('REQUEST_INVALID', {
    detail: 'Send exactly one credential in one Authorization header.',
    rule: `credentials: ${what}`,
    remedy: 'send "Authorization: Bearer <token>" once',
  })
