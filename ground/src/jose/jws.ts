import { decodeBase64url, isBase64url } from './base64url.ts'
import { type JsonObject, parseJsonObject } from './json-object.ts'
import type { KeySet } from './key-set.ts'
import { HEADER_CHARS_MAX, KEY_ID_CHARS_MAX, TOKEN_CHARS_MAX } from './limits.ts'
import type { VerificationKey } from './verification-key.ts'

/*
 * JWS compact serialisation (RFC 7515 section 7.1), read strictly:
 *
 *  1. split into three parts, each canonical base64url, within bounds
 *  2. the header is a JSON object without repeated names; `alg` and `kid` are texts
 *  3. `crit` and `b64` ask for what we do not do, so they end it (RFC 7515 section 4.1.11, RFC 7797)
 *  4. `kid` names a key that we hold; `jku`, `x5u`, `x5c`, `jwk` are never looked at
 *  5. `alg` is the algorithm of that key, which leaves no room for `none` or HS256
 *  6. the signature holds over the text as it was received
 */
export type JwsFaultCode =
  | 'MALFORMED'
  | 'HEADER'
  | 'CRITICAL'
  | 'KEY_UNKNOWN'
  | 'ALGORITHM'
  | 'SIGNATURE'

/** Why a token is refused. `text` is for a log: it holds no more of the token than a short algorithm name. */
export class JwsFault {
  readonly code: JwsFaultCode
  readonly text: string
  constructor(code: JwsFaultCode, text: string) {
    this.code = code
    this.text = text
  }
}

export interface JwsHeader {
  readonly alg: string
  readonly kid: string
  readonly typ: string | undefined
}
/** A token taken apart. Nothing of it is proven before `checkSignature`. */
export interface ParsedJws {
  readonly header: JwsHeader
  readonly payload: Buffer
  readonly signature: Buffer
  /** Header and payload with the dot between, as they were signed. */
  readonly input: Buffer
}

/** Steps 1 to 3. */
export function parseJws(token: string): ParsedJws | JwsFault {
  if (!(token.length <= TOKEN_CHARS_MAX)) return new JwsFault('MALFORMED', 'too long')
  const first = token.indexOf('.')
  const last = token.lastIndexOf('.')
  if (first < 1 || token.indexOf('.', first + 1) !== last)
    return new JwsFault('MALFORMED', 'not three parts')
  const payload = decodeBase64url(token.slice(first + 1, last))
  const signature = decodeBase64url(token.slice(last + 1))
  if (payload === undefined || signature === undefined || signature.length === 0)
    return new JwsFault('MALFORMED', 'not base64url')
  const header = parseHeader(token.slice(0, first))
  if (header instanceof JwsFault) return header
  return { header, payload, signature, input: Buffer.from(token.slice(0, last), 'latin1') }
}

/** The header of the token before, which is mostly that of the next one as well. */
let lastText = ''
let lastHeader: JwsHeader | JwsFault = new JwsFault('MALFORMED', 'not base64url')

function parseHeader(text: string): JwsHeader | JwsFault {
  if (text === lastText) return lastHeader
  const header = parseHeaderAnew(text)
  // A copy: the text of the whole token is not kept for it.
  lastText = Buffer.from(text, 'latin1').toString('latin1')
  lastHeader = header
  return header
}
function parseHeaderAnew(text: string): JwsHeader | JwsFault {
  if (text.length > HEADER_CHARS_MAX) return new JwsFault('HEADER', 'header too long')
  if (!isBase64url(text)) return new JwsFault('MALFORMED', 'not base64url')
  const header = parseJsonObject(Buffer.from(text, 'base64url'))
  if (header === undefined) return new JwsFault('HEADER', 'header is not one plain JSON object')
  if (Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'b64'))
    return new JwsFault('CRITICAL', 'header asks for an extension')
  return readHeader(header)
}

function readHeader({ alg, kid, typ }: JsonObject): JwsHeader | JwsFault {
  if (typeof alg !== 'string') return new JwsFault('HEADER', 'header names no algorithm')
  if (typeof kid !== 'string' || kid === '' || kid.length > KEY_ID_CHARS_MAX)
    return new JwsFault('HEADER', 'header names no key')
  if (typ !== undefined && typeof typ !== 'string')
    return new JwsFault('HEADER', 'header has a type that is not a text')
  return { alg, kid, typ }
}

/** Steps 4 and 5. */
export function selectKey({ alg, kid }: JwsHeader, keys: KeySet): VerificationKey | JwsFault {
  const key = keys.get(kid)
  if (key === undefined) return new JwsFault('KEY_UNKNOWN', 'key is not known')
  if (key.algorithm !== alg)
    return new JwsFault('ALGORITHM', `algorithm ${nameable(alg)} is not the key's`)
  return key
}
const nameable = (alg: string): string => (/^[A-Za-z0-9-]{1,16}$/.test(alg) ? alg : '(unreadable)')

/** Step 6. `undefined`: the signature holds. */
export function checkSignature(jws: ParsedJws, key: VerificationKey): JwsFault | undefined {
  return key.verifies(jws.input, jws.signature)
    ? undefined
    : new JwsFault('SIGNATURE', 'signature does not hold')
}

/** All steps. What comes back was signed by the holder of the key that the header names. */
export function verifyJws(token: string, keys: KeySet): ParsedJws | JwsFault {
  const jws = parseJws(token)
  if (jws instanceof JwsFault) return jws
  const key = selectKey(jws.header, keys)
  if (key instanceof JwsFault) return key
  return checkSignature(jws, key) ?? jws
}
