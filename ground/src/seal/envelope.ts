import { type KeyObject, randomBytes } from 'node:crypto'
import { decrypt, encrypt } from './aes-gcm.ts'
import { SealError } from './errors.ts'
import { NONCE_BYTES, PLAINTEXT_BYTES_MAX, TAG_BYTES } from './limits.ts'

/*
 * A sealed value is text, so that it fits into a JSON field, a column and a file:
 *
 *   cs1.<key id>.<base64url of nonce, ciphertext, tag>
 *
 * AES-256-GCM with a random 96-bit nonce. Authenticated with it: `cs1.<key id>`, a NUL, and the caller's `aad`, which
 * names the place that the value belongs to. A value that is moved to another place, or whose key id is changed,
 * does not open. There is one spelling of each envelope: base64url is canonical, without padding.
 *
 * Random nonces allow 2^32 values under one key; at 100 a second that is a year. Rotate keys before.
 */
export interface SealKey {
  /** 1 to 32 of [a-z0-9-]. Not secret: it stands in every envelope. */
  readonly id: string
  readonly key: KeyObject
}

const VERSION = 'cs1'
const KEY_ID = /^[a-z0-9-]{1,32}$/
const ENVELOPE = /^cs1\.([a-z0-9-]{1,32})\.([A-Za-z0-9_-]+)$/
const OVERHEAD_BYTES = NONCE_BYTES + TAG_BYTES
/** Longest envelope that is looked at. */
const ENVELOPE_CHARS_MAX = Math.ceil(((PLAINTEXT_BYTES_MAX + OVERHEAD_BYTES) * 4) / 3) + 64

/** Seals a value for one place. `aad` names that place, for example `payment card 42`; it has to be given to open it. */
export function seal(key: SealKey, plaintext: string | Uint8Array, aad: string): string {
  if (!KEY_ID.test(key.id)) throw new TypeError('a key id has 1 to 32 of a-z, 0-9 and -')
  const bytes = typeof plaintext === 'string' ? Buffer.from(plaintext) : plaintext
  if (!(bytes.length <= PLAINTEXT_BYTES_MAX))
    throw new RangeError('the value is too long to be sealed')
  const nonce = randomBytes(NONCE_BYTES)
  const box = encrypt(key.key, { nonce, plaintext: bytes, aad: boundTo(key.id, aad) })
  const packed = Buffer.concat([box.nonce, box.ciphertext, box.tag]).toString('base64url')
  return `${VERSION}.${key.id}.${packed}`
}

/** Opens what `seal` made. Throws `SealError`: ENVELOPE_MALFORMED, KEY_UNKNOWN, NOT_AUTHENTIC. */
export function open(key: SealKey, envelope: string, aad: string): Buffer {
  const { keyId, packed } = parseEnvelope(envelope)
  if (keyId !== key.id) throw new SealError('KEY_UNKNOWN', `the value is sealed with key ${keyId}`)
  const box = {
    nonce: packed.subarray(0, NONCE_BYTES),
    ciphertext: packed.subarray(NONCE_BYTES, packed.length - TAG_BYTES),
    tag: packed.subarray(packed.length - TAG_BYTES),
  }
  return decrypt(key.key, box, boundTo(keyId, aad))
}

/** Takes an envelope apart. Throws `SealError` ENVELOPE_MALFORMED. */
export function parseEnvelope(envelope: string): { keyId: string; packed: Buffer } {
  const match = envelope.length <= ENVELOPE_CHARS_MAX ? ENVELOPE.exec(envelope) : null
  const [, keyId, text] = match ?? []
  if (keyId === undefined || text === undefined) throw malformedEnvelope()
  const packed = Buffer.from(text, 'base64url')
  if (packed.toString('base64url') !== text || packed.length < OVERHEAD_BYTES)
    throw malformedEnvelope()
  return { keyId, packed }
}

function malformedEnvelope(): SealError {
  return new SealError(
    'ENVELOPE_MALFORMED',
    'the sealed value is not an envelope of a known version',
  )
}

function boundTo(keyId: string, aad: string): Buffer {
  return Buffer.from(`${VERSION}.${keyId}\0${aad}`)
}
