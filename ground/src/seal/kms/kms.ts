import type { KeyObject } from 'node:crypto'

/**
 * Keeps a key that does not leave it, and seals master keys under that.
 *
 * Promises:
 * - `unwrap(wrap(key))` is the same key; no two blobs are the same
 * - a blob tells nothing about the key; one that was changed or is of another key is refused with `SealError` KMS_REFUSED
 * - each act ends within `KMS_MS_MAX`; where there is no answer it throws `SealError` KMS_UNAVAILABLE, and may be repeated
 * - no message, argument or file shows the key, nor what the service wants from us as a proof
 *
 * Synchronous, because it is asked once, before a process does anything else.
 */
export interface Kms {
  readonly name: KmsName
  /** Text of at most a few thousand characters. */
  wrap(key: KeyObject): string
  unwrap(blob: string): KeyObject
}

export const KMS_NAMES = ['local', 'pkcs11'] as const
export type KmsName = (typeof KMS_NAMES)[number]
