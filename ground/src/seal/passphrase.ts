import { argon2Sync, createSecretKey, type KeyObject, randomBytes } from 'node:crypto'
import { z } from 'zod'
import { open, seal } from './envelope.ts'
import { SealError } from './errors.ts'
import * as limits from './limits.ts'
import { deriveKey } from './master-key.ts'
import { readSecretFile } from './secret-file.ts'

/*
 * What a person remembers, or keeps in a safe, as a key: argon2id (RFC 9106) with a salt of its own for each thing that
 * is sealed. One opening takes 64 MiB for about a tenth of a second on this side, and as much for every guess on the
 * other. The key's id stands in the envelope, so a wrong passphrase is told from a file that was changed.
 */
export const kdfSchema: z.ZodType<Kdf> = z.strictObject({
  algorithm: z.literal('argon2id'),
  memoryKib: z.int().min(limits.ARGON2_MEMORY_KIB_MIN).max(limits.ARGON2_MEMORY_KIB_MAX),
  passes: z.int().min(1).max(limits.ARGON2_PASSES_MAX),
  lanes: z.int().min(1).max(limits.ARGON2_LANES_MAX),
  salt: z.string().regex(/^[A-Za-z0-9_-]{22,86}$/),
})
/** How a passphrase becomes a key. Not secret; it lies beside what was sealed. */
export interface Kdf {
  readonly algorithm: 'argon2id'
  readonly memoryKib: number
  readonly passes: number
  readonly lanes: number
  /** base64url */
  readonly salt: string
}

export const passphraseBoxSchema: z.ZodType<PassphraseBox> = z.strictObject({
  kdf: kdfSchema,
  sealed: z.string().max(limits.SECRET_FILE_BYTES_MAX),
})
/** Something sealed under a passphrase, with all that is needed to open it but the passphrase. */
export interface PassphraseBox {
  readonly kdf: Kdf
  /** An envelope. */
  readonly sealed: string
}

/** Our parameters with a fresh salt. */
export function newKdf(): Kdf {
  return {
    algorithm: 'argon2id',
    memoryKib: limits.ARGON2_MEMORY_KIB,
    passes: limits.ARGON2_PASSES,
    lanes: limits.ARGON2_LANES,
    salt: randomBytes(limits.ARGON2_SALT_BYTES).toString('base64url'),
  }
}

/** The key of a passphrase. Takes `memoryKib` of memory and blocks meanwhile: for starts and single commands. */
export function keyOfPassphrase(passphrase: string, kdf: Kdf): KeyObject {
  return createSecretKey(
    argon2Sync('argon2id', {
      message: Buffer.from(passphrase.normalize('NFC')),
      nonce: Buffer.from(kdf.salt, 'base64url'),
      parallelism: kdf.lanes,
      tagLength: limits.KEY_BYTES,
      memory: kdf.memoryKib,
      passes: kdf.passes,
    }),
  )
}

/** Seals under a passphrase. `aad` names what it is and has to be given to open it. */
export function sealWithPassphrase(
  passphrase: string,
  plaintext: Uint8Array,
  aad: string,
): PassphraseBox {
  const kdf = newKdf()
  const key = deriveKey(keyOfPassphrase(checkPassphrase(passphrase), kdf), 'passphrase')
  return { kdf, sealed: seal(key, plaintext, aad) }
}

/** Opens what `sealWithPassphrase` made. Throws `SealError` PASSPHRASE_WRONG, or NOT_AUTHENTIC where it was changed. */
export function openWithPassphrase(passphrase: string, box: PassphraseBox, aad: string): Buffer {
  const key = deriveKey(keyOfPassphrase(passphrase, box.kdf), 'passphrase')
  try {
    return open(key, box.sealed, aad)
  } catch (cause) {
    if (!(cause instanceof SealError && cause.code === 'KEY_UNKNOWN')) throw cause
    throw new SealError('PASSPHRASE_WRONG', 'this is not the passphrase that it was sealed with', {
      cause,
    })
  }
}

/** Reads a passphrase from a file of mode 0600; one line end at its end does not count. Throws `SealError` KEY_FILE. */
export function readPassphraseFile(path: string): string {
  const what = 'the passphrase file'
  return checkPassphrase(readSecretFile(path, what).replace(/\r?\n$/, ''), `${what} ${path}`)
}

/** Refuses what is too short to withstand guessing. Throws `SealError` KEY_FILE. */
export function checkPassphrase(passphrase: string, where = 'the passphrase'): string {
  const { PASSPHRASE_CHARS_MIN: min, PASSPHRASE_BYTES_MAX: max } = limits
  if ([...passphrase].length >= min && Buffer.byteLength(passphrase) <= max) return passphrase
  throw new SealError('KEY_FILE', `${where} does not have ${min} characters to ${max} bytes`)
}
