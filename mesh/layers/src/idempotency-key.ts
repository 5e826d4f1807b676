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
  const key = headers['idempotency-key']
  if (key === undefined) return undefined
  if (typeof key === 'string' && KEY.test(key)) return key
  throw new Refusal('REQUEST_INVALID', {
    detail: 'The Idempotency-Key is not 1 to 128 visible characters.',
    rule: 'idempotency: the key is not 1 to 128 visible characters, or there are several',
    remedy: 'send one Idempotency-Key, for example a UUID',
  })
}
