import { createPublicKey } from 'node:crypto'
import { z } from 'zod'
import { conditional, isEmpty, quoted, wrongEntity } from './entity-check.ts'
import { anyText, between, common, oneOf, orNull, ref, text } from './kinds.ts'
import { PEM_CHARS_MAX, TEXT_CHARS_MAX } from '../limits.ts'

const label = text((value) => (value === '' ? 'length must be at least 1' : undefined))

/** https://developer.konghq.com/gateway/entities/consumer/ */
export const consumerSchema = z
  .strictObject({ ...common, username: orNull(label), custom_id: orNull(label) })
  .superRefine(({ username, custom_id }, context) => {
    if (isEmpty(username) && isEmpty(custom_id))
      wrongEntity(
        context,
        `at least one of these fields must be non-empty: ${quoted(['custom_id', 'username'])}`,
      )
  })

// biome-ignore format: a table
const JWT_ALGORITHMS = [
  'HS256', 'HS384', 'HS512', 'RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512',
  'PS256', 'PS384', 'PS512', 'EdDSA',
] as const

/** `key` and `secret` are made where none is given; see `fill-in.ts`. */
export const jwtSecretSchema = z
  .strictObject({
    ...common,
    consumer: ref,
    key: label,
    secret: orNull(anyText(TEXT_CHARS_MAX)),
    rsa_public_key: orNull(text(wrongPublicKey, PEM_CHARS_MAX)),
    algorithm: oneOf(...JWT_ALGORITHMS).default('HS256'),
  })
  .superRefine(({ algorithm, rsa_public_key, secret }, context) => {
    const shared = algorithm.startsWith('HS')
    if (!shared && rsa_public_key === null)
      conditional(context, 'algorithm', ['rsa_public_key', 'required field missing'])
    // RFC 7518, section 3.2: a key of the hash's size or larger. Kong takes any.
    if (shared && secret !== null && Buffer.byteLength(secret) * 8 < Number(algorithm.slice(2)))
      context.addIssue({
        code: 'custom',
        message: `must hold at least ${Number(algorithm.slice(2)) / 8} bytes for ${algorithm} (RFC 7518, section 3.2)`,
        path: ['secret'],
      })
  })

function wrongPublicKey(pem: string): string | undefined {
  try {
    if (!/^-----BEGIN (?:RSA )?(?:PUBLIC KEY|CERTIFICATE)-----/m.test(pem)) return 'invalid key'
    createPublicKey(pem)
    return undefined
  } catch {
    return 'invalid key'
  }
}

export const keyAuthSchema = z.strictObject({
  ...common,
  consumer: ref,
  key: anyText(TEXT_CHARS_MAX).min(1, { error: 'length must be at least 1' }),
  ttl: orNull(between(0, 100_000_000)),
})
export const aclSchema = z.strictObject({ ...common, consumer: ref, group: label })
export const mtlsAuthSchema = z.strictObject({
  ...common,
  consumer: ref,
  subject_name: label,
  ca_certificate: orNull(ref),
})
