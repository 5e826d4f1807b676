import { createHash, randomBytes } from 'node:crypto'
import { TOKEN_BYTES } from '../limits.ts'

const HASH = /^[A-Za-z0-9_-]{43}$/

/** A new join token: 256 random bits. */
export function generateToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url')
}

/** How a token is known to authorities. With 256 random bits in it, a plain hash cannot be turned around. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('base64url')
}

/** Whether `text` has the form of a token's hash. */
export function isTokenHash(text: string): boolean {
  return HASH.test(text)
}
