import { USERNAME_CHARS_MAX } from '../limits.ts'

/**
 * The one form under which a name is kept and looked up: NFKC, trimmed, lower-case. Without it `Alice`,
 * ` alice` and the full-width spelling would be three people.
 */
export function canonicalUsername(typed: string): string {
  return typed.normalize('NFKC').trim().toLowerCase().normalize('NFKC')
}

const ALLOWED = /^[\p{L}\p{N}](?:[\p{L}\p{M}\p{N}._@+-]*[\p{L}\p{M}\p{N}])?$/u

/** What is wrong with a canonical name; `undefined` where nothing is. */
export function usernameFault(username: string): string | undefined {
  if (username.length > USERNAME_CHARS_MAX) return `is longer than ${USERNAME_CHARS_MAX} characters`
  if (!ALLOWED.test(username)) return 'is not letters and digits, with . _ @ + - between them'
  return undefined
}
