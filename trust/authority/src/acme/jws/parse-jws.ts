import { decodeBase64url, type JsonObject, parseJsonObject } from '@countersign/ground/jose'
import { HEADER_CHARS_MAX, URL_CHARS_MAX } from '../limits.ts'
import { AcmeProblem, malformed } from '../problem.ts'

/*
 * JWS in the flattened JSON form (RFC 7515, 7.2.2) as ACME narrows it (RFC 8555, 6.2):
 *
 *  1. one plain JSON object with `protected`, `payload` and `signature`, and nothing else: no unprotected header, no
 *     list of signatures
 *  2. each canonical base64url
 *  3. the protected header is a plain JSON object; `crit` and `b64` ask for what we do not do, and end it
 *  4. `alg` and `url` are texts, `nonce` is one where it is there
 *  5. exactly one of `jwk` and `kid`
 */
export interface Jws {
  readonly alg: string
  readonly url: string
  readonly nonce: string | undefined
  readonly key:
    | { readonly by: 'jwk'; readonly jwk: JsonObject }
    | { readonly by: 'kid'; readonly kid: string }
  readonly payload: Buffer
  /** Protected header and payload with the dot between, as they were signed. */
  readonly input: Buffer
  readonly signature: Buffer
}

/** Reads a JWS from the bytes of a request. Nothing of it is proven then. Throws `AcmeProblem` malformed. */
export function parseJws(body: Buffer): Jws {
  const outer = parseJsonObject(body)
  if (outer === undefined) throw malformed('the body is not one plain JSON object')
  return readJws(outer)
}

/** Like `parseJws`, of a JWS that lies inside another one's payload. */
export function readJws(outer: JsonObject): Jws {
  const { protected: header, payload, signature, ...others } = outer
  if (Object.keys(others).length > 0)
    throw malformed('the JWS has members other than protected, payload and signature')
  if (typeof header !== 'string' || typeof payload !== 'string' || typeof signature !== 'string')
    throw malformed('the JWS lacks protected, payload or signature')
  if (!(header.length <= HEADER_CHARS_MAX)) throw malformed('the protected header is too long')
  const [headerBytes, payloadBytes, signatureBytes] = [header, payload, signature].map(
    decodeBase64url,
  )
  if (headerBytes === undefined || payloadBytes === undefined || signatureBytes === undefined)
    throw malformed('a part of the JWS is not canonical base64url')
  return {
    ...readHeader(headerBytes),
    payload: payloadBytes,
    input: Buffer.from(`${header}.${payload}`, 'latin1'),
    signature: signatureBytes,
  }
}

function readHeader(bytes: Buffer): Pick<Jws, 'alg' | 'url' | 'nonce' | 'key'> {
  const header = parseJsonObject(bytes)
  if (header === undefined) throw malformed('the protected header is not one plain JSON object')
  if (Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'b64'))
    throw malformed('the protected header asks for an extension')
  const { alg, url, nonce } = header
  if (typeof alg !== 'string') throw malformed('the protected header names no algorithm')
  if (typeof url !== 'string' || url.length > URL_CHARS_MAX)
    throw malformed('the protected header has no url')
  if (nonce !== undefined && typeof nonce !== 'string')
    throw new AcmeProblem('badNonce', 'the nonce is not a text')
  return { alg, url, nonce, key: readKey(header) }
}

function readKey({ jwk, kid }: JsonObject): Jws['key'] {
  if ((jwk === undefined) === (kid === undefined))
    throw malformed('the protected header has to have one of jwk and kid')
  if (typeof kid === 'string' && kid.length <= URL_CHARS_MAX) return { by: 'kid', kid }
  if (typeof jwk === 'object' && jwk !== null && !Array.isArray(jwk))
    return { by: 'jwk', jwk: jwk as JsonObject }
  throw malformed('the protected header has a jwk or kid of the wrong kind')
}
