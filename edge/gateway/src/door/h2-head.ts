import { HEADER_BYTES_MAX, HEADERS_MAX } from '../limits.ts'
import { type Broken, CONNECT_REFUSED } from './broken-bytes.ts'
import { isFieldText, isLowerToken, isSolid, isTrimmed } from './field-text.ts'

/*
 * The head of a request of HTTP/2 as the stack knows requests (RFC 9113 section 8.3, RFC 9110 section 5). The engine has
 * refused most of what breaks these rules with a reset; they hold here whatever it does:
 *
 * - one each of `:method`, `:scheme` (https), `:authority` or `host`, `:path`; where both name the authority they agree
 * - a path that begins with a slash, without white space and control characters
 * - names in lower case, no header that speaks of the connection, `te` of nothing but trailers
 * - one length at most, of digits; none but 0 where the head is all there is
 * - crumbs of cookies are one header again
 */
export interface H2Head {
  readonly method: string
  readonly target: string
  readonly headers: readonly string[]
  /** Bytes of the body as declared; 0 where there is none; `undefined`: only its end tells. */
  readonly length: number | undefined
  readonly expectsContinue: boolean
}

/** Name and value take this much more in the sum that is bounded (RFC 9113 section 6.5.2). */
const ENTRY_BYTES = 32

const OF_CONNECTION: ReadonlySet<string> = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'],
  'http2-settings',
])

/** `raw`: name, value, name, value …, pseudo-headers among them. `isAll`: the request has no body. */
export function readH2Head(raw: readonly string[], isAll: boolean): H2Head | Broken {
  const pseudo = new Pseudo()
  const headers: string[] = []
  let bytes = 0
  let cookieAt = -1
  let length: string | undefined
  let expects = false
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? ''
    const value = raw[i + 1] ?? ''
    bytes += name.length + value.length + ENTRY_BYTES
    if (name.startsWith(':')) {
      if (headers.length > 0 || !pseudo.take(name, value)) return wrong('pseudo-headers')
      continue
    }
    if (!isLowerToken(name) || !isFieldText(value) || !isTrimmed(value))
      return wrong('a header that is none')
    if (OF_CONNECTION.has(name) || (name === 'te' && value !== 'trailers'))
      return wrong('a header of the connection')
    if (name === 'cookie' && cookieAt !== -1) {
      headers[cookieAt] += `; ${value}`
      continue
    }
    if (name === 'cookie') cookieAt = headers.length + 1
    else if (name === 'expect') expects = value === '100-continue'
    else if (name === 'content-length') {
      if (length !== undefined) return wrong('two lengths')
      length = value
    }
    headers.push(name, value)
  }
  if (raw.length > 2 * HEADERS_MAX) return { kind: 'too-many-headers', rule: 'http/2' }
  if (bytes > HEADER_BYTES_MAX + ENTRY_BYTES * HEADERS_MAX)
    return { kind: 'head-too-large', rule: 'http/2' }
  if (length !== undefined && !/^[0-9]{1,15}$/.test(length)) return wrong('a length that is none')
  if (isAll && Number(length ?? 0) > 0) return wrong('a length without a body')
  const declared = length === undefined ? undefined : Number(length)
  return pseudo.finish(headers, { length: isAll ? 0 : declared, expectsContinue: expects })
}

class Pseudo {
  #method: string | undefined
  #scheme: string | undefined
  #authority: string | undefined
  #path: string | undefined

  /** False: unknown, or there before. */
  take(name: string, value: string): boolean {
    if (name === ':method' && this.#method === undefined) this.#method = value
    else if (name === ':scheme' && this.#scheme === undefined) this.#scheme = value
    else if (name === ':authority' && this.#authority === undefined) this.#authority = value
    else if (name === ':path' && this.#path === undefined) this.#path = value
    else return false
    return true
  }
  finish(headers: string[], rest: Pick<H2Head, 'length' | 'expectsContinue'>): H2Head | Broken {
    const method = this.#method ?? ''
    const target = this.#path ?? ''
    if (method === 'CONNECT') return CONNECT_REFUSED
    if (!isLowerToken(method.toLowerCase())) return wrong('a method that is none')
    if (this.#scheme !== 'https') return wrong('another scheme than https')
    if (!target.startsWith('/') || !isSolid(target)) return wrong('a path that is none')
    return this.#withHost(headers) ?? { method, target, headers, ...rest }
  }
  /** `host` is there once, and says what `:authority` says. */
  #withHost(headers: string[]): Broken | undefined {
    let host: string | undefined
    for (let i = 0; i + 1 < headers.length; i += 2) {
      if (headers[i] !== 'host') continue
      if (host !== undefined) return wrong('two hosts')
      host = headers[i + 1] ?? ''
    }
    if (host === undefined) {
      if (this.#authority === undefined) return wrong('no authority')
      headers.unshift('host', this.#authority)
    } else if (this.#authority !== undefined && this.#authority !== host)
      return wrong('a host that is not the authority')
    return undefined
  }
}

const wrong = (what: string): Broken => ({ kind: 'malformed', rule: `http/2: ${what}` })
