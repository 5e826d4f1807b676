import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

/*
 * The stored form of a SCRAM-SHA-256 password (RFC 5803, RFC 7677), as PostgreSQL keeps it in pg_authid:
 *   SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>
 * Sending this form instead of the password keeps the password out of the server and its log.
 */
const derive = promisify(pbkdf2)
const ITERATIONS = 4096
const FORM = /^SCRAM-SHA-256\$([0-9]{1,7}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)$/

/** Makes the stored form of a password. The password must be printable ASCII, for which SASLprep changes nothing. */
export async function scramVerifier(
  password: string,
  salt: Uint8Array = randomBytes(16),
  iterations: number = ITERATIONS,
): Promise<string> {
  const salted = await derive(password, salt, iterations, 32, 'sha256')
  const hmac = (text: string): Buffer => createHmac('sha256', salted).update(text).digest()
  const storedKey = createHash('sha256').update(hmac('Client Key')).digest('base64')
  const serverKey = hmac('Server Key').toString('base64')
  return `SCRAM-SHA-256$${iterations}:${Buffer.from(salt).toString('base64')}$${storedKey}:${serverKey}`
}

/** Whether a stored form belongs to a password. False for anything that is not such a form. */
export async function matchesVerifier(password: string, stored: string): Promise<boolean> {
  const [, iterations, salt] = FORM.exec(stored) ?? []
  if (iterations === undefined || salt === undefined || !(Number(iterations) > 0)) return false
  const made = await scramVerifier(password, Buffer.from(salt, 'base64'), Number(iterations))
  const [a, b] = [Buffer.from(made), Buffer.from(stored)]
  return a.length === b.length && timingSafeEqual(a, b)
}
