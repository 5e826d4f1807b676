import { createPublicKey, type KeyObject } from 'node:crypto'
import type { JwtSecret } from '@countersign/kong'
import { hmacVerifierOf, isSymmetric, type Verifies, verifierOf } from '../tokens/algorithms.ts'
import type { ParsedToken } from '../tokens/parse-token.ts'
import type { JwtConfig } from './jwt.ts'
import type { JwtRefusals } from './refusals.ts'

/**
 * Checks a token against a credential: its algorithm, then its signature. The algorithm is the credential's, whatever
 * the token says; so a public key is never used as a secret. Throws `Refusal`.
 */
export function createCredentialCheck(config: JwtConfig, refuse: JwtRefusals) {
  /** A credential is read once, for as long as it is there. */
  const verifiers = new WeakMap<JwtSecret, Verifies | string>()
  const verifierFor = (credential: JwtSecret): Verifies | string => {
    const known = verifiers.get(credential) ?? readCredential(credential, config.secret_is_base64)
    verifiers.set(credential, known)
    return known
  }
  return ({ algorithm, input, signature }: ParsedToken, credential: JwtSecret): void => {
    if (algorithm !== credential.algorithm) throw refuse.invalid('Invalid algorithm')
    const verifies = verifierFor(credential)
    if (typeof verifies === 'string') throw refuse.unusable(verifies)
    if (!verifies(input, signature)) throw refuse.invalid('Invalid signature')
  }
}

function readCredential(credential: JwtSecret, isBase64: boolean): Verifies | string {
  const { algorithm, secret, rsa_public_key: pem } = credential
  if (isSymmetric(algorithm)) {
    if (secret === null) return 'it has no secret'
    return hmacVerifierOf(algorithm, Buffer.from(secret, isBase64 ? 'base64' : 'utf8'))
  }
  if (pem === null) return 'it has no public key'
  const key = readPublicKey(isBase64 ? Buffer.from(pem, 'base64').toString('latin1') : pem)
  return key === undefined ? 'its public key cannot be read' : verifierOf(algorithm, key)
}

function readPublicKey(pem: string): KeyObject | undefined {
  try {
    return createPublicKey(pem)
  } catch {
    return undefined
  }
}
