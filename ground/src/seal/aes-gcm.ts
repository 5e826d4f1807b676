import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto'
import { SealError } from './errors.ts'
import { KEY_BYTES, NONCE_BYTES, TAG_BYTES } from './limits.ts'

const ALGORITHM = 'aes-256-gcm'

/** What comes out of AES-256-GCM, and goes in again. */
export interface Box {
  readonly nonce: Uint8Array
  readonly ciphertext: Uint8Array
  readonly tag: Uint8Array
}

/** AES-256-GCM with a nonce that the caller must never have used with this key. */
export function encrypt(
  key: KeyObject,
  message: { nonce: Uint8Array; plaintext: Uint8Array; aad: Uint8Array },
): Box {
  const { nonce, plaintext, aad } = message
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES }).setAAD(aad)
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()])
  return { nonce, ciphertext, tag: cipher.getAuthTag() }
}

/**
 * Opens a box. Only 256-bit keys, 96-bit nonces and whole 128-bit tags are taken: a short tag is easy to guess.
 * Throws `SealError` NOT_AUTHENTIC; no byte of the plaintext is seen before the tag has been checked.
 */
export function decrypt(key: KeyObject, box: Box, aad: Uint8Array): Buffer {
  const sizes = [key.symmetricKeySize, box.nonce.length, box.tag.length]
  if (sizes[0] !== KEY_BYTES || sizes[1] !== NONCE_BYTES || sizes[2] !== TAG_BYTES)
    throw notAuthentic()
  try {
    const decipher = createDecipheriv(ALGORITHM, key, box.nonce, { authTagLength: TAG_BYTES })
    decipher.setAAD(aad).setAuthTag(box.tag)
    return Buffer.concat([decipher.update(box.ciphertext), decipher.final()])
  } catch {
    throw notAuthentic()
  }
}

function notAuthentic(): SealError {
  return new SealError(
    'NOT_AUTHENTIC',
    'the sealed value was changed, or is not for this key or place',
  )
}
