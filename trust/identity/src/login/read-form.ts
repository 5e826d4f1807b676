import type { IncomingMessage } from 'node:http'
import { FORM_BYTES_MAX } from '../limits.ts'

export interface Credentials {
  readonly username: string
  readonly password: string
}

/**
 * Reads a login form.
 *
 * - it is url-encoded and no longer than `FORM_BYTES_MAX`
 * - each field is there exactly once
 *
 * `undefined` for anything else; the rest of an overlong body is not read.
 */
export async function readLoginForm(request: IncomingMessage): Promise<Credentials | undefined> {
  const [type = ''] = (request.headers['content-type'] ?? '').split(';')
  if (type.trim().toLowerCase() !== 'application/x-www-form-urlencoded') return undefined
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    bytes += (chunk as Buffer).length
    if (bytes > FORM_BYTES_MAX) return undefined
    chunks.push(chunk as Buffer)
  }
  const form = new URLSearchParams(Buffer.concat(chunks).toString('utf8'))
  const [username, ...moreNames] = form.getAll('username')
  const [password, ...morePasswords] = form.getAll('password')
  if (username === undefined || password === undefined) return undefined
  return moreNames.length + morePasswords.length === 0 ? { username, password } : undefined
}
