import { type KeyObject, verify } from 'node:crypto'
import type { Signed } from './certificate.ts'
import { TAG } from './der.ts'
import { OID } from './oids.ts'
import { NULL, writeDer, writeOid } from './write-der.ts'

interface Method {
  readonly hash: string
  readonly keyType: 'ec' | 'rsa'
}

/**
 * Signature algorithms that are believed, by their whole AlgorithmIdentifier in hex: a parameter too many or too few is
 * another algorithm (RFC 5758, 3.2; RFC 4055, 5). SHA-1 and MD5 are not among them.
 */
const BELIEVED: ReadonlyMap<string, Method> = new Map([
  [identifier(OID.ecdsaWithSha256), { hash: 'sha256', keyType: 'ec' }],
  [identifier(OID.ecdsaWithSha384), { hash: 'sha384', keyType: 'ec' }],
  [identifier(OID.sha256WithRsa, NULL), { hash: 'sha256', keyType: 'rsa' }],
  [identifier(OID.sha384WithRsa, NULL), { hash: 'sha384', keyType: 'rsa' }],
])

function identifier(oid: string, ...parameters: readonly Buffer[]): string {
  return writeDer(TAG.sequence, writeOid(oid), ...parameters).toString('hex')
}

/** Whether a signature is made in a way that is believed. Says nothing of whether it is right. */
export function isBelieved({ algorithm }: Signed): boolean {
  return BELIEVED.has(algorithm.toString('hex'))
}

/** Whether this key has made the signature, in a way that is believed. Never throws. */
export function verifySigned({ tbs, algorithm, signature }: Signed, key: KeyObject): boolean {
  const method = BELIEVED.get(algorithm.toString('hex'))
  if (method === undefined || method.keyType !== key.asymmetricKeyType) return false
  try {
    return verify(method.hash, tbs, key, signature)
  } catch {
    return false
  }
}
