import type { IncomingMessage } from 'node:http'
import { Refusal } from './refusal.ts'

/*
 * The key by which a service knows a repetition (draft-ietf-httpapi-idempotency-key-header-07):
 *
 * - one header at most, of 1 to 128 visible characters
 * - a key that cannot be used is refused, never passed over: who sent it would take a second try for safe
 */
const KEY = /^[\x21-\x7e]{1,128}$/

/** The `Idempotency-Key` of a request, if it has one. Throws `Refusal` REQUEST_INVALID for one that breaks a rule. */
export function idempotencyKey({ headers }: IncomingMessage): string | undefined {
  // Node joins several of them with a comma and a space, and no key has a space.
  return checked(headers['idempotency-key'])
}

/** The same, of flat headers: name, value, name, value … */
export function idempotencyKeyIn(headers: readonly string[]): string | undefined {
  let found: string | undefined
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? ''
    if (name.length !== 15 || name.toLowerCase() !== 'idempotency-key') continue
    found = found === undefined ? headers[i + 1] : `${found}, ${headers[i + 1]}`
  }
  return checked(found)
}

function checked(key: string | string[] | undefined): string | undefined {
  if (key === undefined) return undefined
  if (typeof key === 'string' && KEY.test(key)) return key
  throw new Refusal('REQUEST_INVALID', {
    detail: 'The Idempotency-Key is not 1 to 128 visible characters.',
    rule: 'idempotency: the key is not 1 to 128 visible characters, or there are several',
    remedy: 'send one Idempotency-Key, for example a UUID',
  })
}
