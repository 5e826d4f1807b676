import {
  decodeBase64url,
  type JsonObject,
  parseJsonObject,
  TOKEN_CHARS_MAX,
} from '@countersign/ground/jose'
import { isAlgorithm } from './algorithms.ts'

/*
 * JWT in compact serialisation (RFC 7519, RFC 7515 section 7.1), read strictly:
 *
 * - three parts within bounds, each canonical base64url: no second spelling of one token, no encrypted ones
 * - header and claims are JSON objects without repeated names or `__proto__`, not nested deep
 * - `alg` is one that is used here: never `none`, in no spelling
 * - `crit` and `b64` ask for what is not done here, so they end it
 * - `jku`, `x5u`, `x5c` and `jwk` are never looked at: a token does not bring its own key
 */
export interface ParsedToken {
  readonly header: JsonObject
  readonly claims: JsonObject
  readonly algorithm: string
  readonly keyId: string | undefined
  readonly type: string | undefined
  readonly signature: Buffer
  /** Header and claims with the dot between, as they were signed. */
  readonly input: Buffer
}

/** Takes a token apart: nothing of it is proven. A text says in Kong's words what is wrong. */
export function parseToken(token: string): ParsedToken | string {
  if (!(token.length <= TOKEN_CHARS_MAX)) return 'too long'
  const first = token.indexOf('.')
  const last = token.lastIndexOf('.')
  if (first < 1 || token.indexOf('.', first + 1) !== last) return 'invalid JSON'
  const header = readPart(token.slice(0, first))
  const claims = readPart(token.slice(first + 1, last))
  if (header === undefined || claims === undefined) return 'invalid JSON'
  const { alg, kid, typ } = header
  if (typeof alg !== 'string' || !isAlgorithm(alg)) return 'invalid alg'
  if (Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'b64')) return 'invalid header'
  if (!isOptionalText(kid) || !isOptionalText(typ)) return 'invalid header'
  const signature = decodeBase64url(token.slice(last + 1))
  if (signature === undefined || signature.length === 0) return 'invalid signature'
  const input = Buffer.from(token.slice(0, last), 'latin1')
  return { header, claims, algorithm: alg, keyId: kid, type: typ, signature, input }
}

function readPart(part: string): JsonObject | undefined {
  const bytes = decodeBase64url(part)
  return bytes === undefined ? undefined : parseJsonObject(bytes)
}

const isOptionalText = (value: unknown): value is string | undefined =>
  value === undefined || (typeof value === 'string' && value.length <= 256)

/** A claim that is a text of its own; nothing inherited. */
export function textClaim(from: JsonObject, name: string): string | undefined {
  const value = Object.hasOwn(from, name) ? from[name] : undefined
  return typeof value === 'string' ? value : undefined
}
