import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { decodeBase64url } from '@countersign/ground/jose'

const NONCE_BYTES = 12
const TAG_BYTES = 16

/** Texts that only holders of one secret can read, and that nobody can change or use in another place unnoticed. */
export interface SealedBox {
  /** base64url. */
  seal(plain: string): string
  /** `undefined` for what was not sealed by it. */
  open(sealed: string): string | undefined
}

/**
 * AES-256-GCM under a key that HKDF-SHA256 makes of `secret` for this `purpose` alone. Nonces are random: good for 2^32
 * texts, which a session cookie does not come near.
 */
export function createSealedBox(secret: string, purpose: string): SealedBox {
  const key = Buffer.from(hkdfSync('sha256', secret, 'countersign sealed box', purpose, 32))
  return {
    seal(plain) {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
      const parts = [nonce, cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]
      return Buffer.concat(parts).toString('base64url')
    },
    open(sealed) {
      const bytes = decodeBase64url(sealed)
      if (bytes === undefined || bytes.length < NONCE_BYTES + TAG_BYTES) return undefined
      const nonce = bytes.subarray(0, NONCE_BYTES)
      const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
      try {
        const opened = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES))
        return Buffer.concat([opened, decipher.final()]).toString('utf8')
      } catch {
        return undefined
      }
    },
  }
}
