import { createHmac, timingSafeEqual } from 'node:crypto'
import { type JsonObject, parseJsonObject } from '@countersign/ground/jose'
import { AcmeProblem, malformed } from '../problem.ts'
import { type AccountKey, importAccountKey } from './account-key.ts'
import { readJws } from './parse-jws.ts'

/*
 * The proof that the holder of a key of ours asks for this account (RFC 8555, 7.3.4):
 *
 *  1. a JWS of its own, by `kid`, without nonce, for the same url as the request around it
 *  2. its algorithm is HS256
 *  3. its payload is the account's key
 *  4. its MAC holds under the key that `kid` names; who names an unknown key hears the same as who has a wrong MAC
 */
export interface BindingTo {
  readonly url: string
  readonly key: AccountKey
  /** The secret of a key that may be bound now; undefined where there is none. */
  secretOf(keyId: string): Buffer | undefined
}

/** The id of the key that the binding proves. Throws `AcmeProblem`. */
export function checkBinding(binding: JsonObject, to: BindingTo): string {
  const jws = readJws(binding)
  if (jws.key.by !== 'kid') throw malformed('the external account binding names its key by jwk')
  if (jws.nonce !== undefined) throw malformed('the external account binding has a nonce')
  if (jws.alg !== 'HS256') {
    const detail = 'the external account binding is not signed with HS256'
    throw new AcmeProblem('badSignatureAlgorithm', detail, { algorithms: ['HS256'] })
  }
  if (jws.url !== to.url) throw new AcmeProblem('unauthorized', 'the binding is for another url')
  const inner = parseJsonObject(jws.payload)
  if (inner === undefined || importAccountKey(inner).thumbprint !== to.key.thumbprint)
    throw malformed('the external account binding is for another account key')
  const secret = to.secretOf(jws.key.kid)
  // A MAC is made in any case: how long it takes says nothing of which keys exist.
  const expected = createHmac('sha256', secret ?? 'none')
    .update(jws.input)
    .digest()
  const holds = expected.length === jws.signature.length && timingSafeEqual(expected, jws.signature)
  if (secret === undefined || !holds)
    throw new AcmeProblem('unauthorized', 'the external account binding does not hold')
  return jws.key.kid
}
