import { createHash, createSecretKey, hkdfSync, type KeyObject, randomBytes } from 'node:crypto'
import type { SealKey } from './envelope.ts'
import { SealError } from './errors.ts'
import { KEY_BYTES } from './limits.ts'
import { createSecretFile, readSecretFile } from './secret-file.ts'

/*
 * The master key: 32 random bytes. It encrypts nothing itself. Each purpose has a key of its own, made from it by HKDF
 * (RFC 5869), so that a value sealed for one purpose cannot be opened in another, whatever its envelope says.
 * In a file it is 43 characters of base64url, for its owner only. `master-key-source.ts` has the other places.
 */
const WHAT = 'the master key file'
const TEXT = /^[A-Za-z0-9_-]{43}$/

export function newMasterKey(): KeyObject {
  return createSecretKey(randomBytes(KEY_BYTES))
}

/**
 * Makes a master key file, mode 0600, of a new key or of the one that is given. Durable on return.
 * Throws `SealError` KEY_FILE where there is a file already.
 */
export async function createMasterKey(
  path: string,
  key: KeyObject = newMasterKey(),
): Promise<KeyObject> {
  await createSecretFile(path, `${key.export().toString('base64url')}\n`, WHAT)
  return key
}

/** Reads a master key file. Throws `SealError` KEY_FILE where others may read it, or it does not hold a key. */
export function readMasterKey(path: string): KeyObject {
  return parseMasterKey(readSecretFile(path, WHAT), `${WHAT} ${path}`)
}

/** Reads a master key from its text. `where` is for the message. Throws `SealError` KEY_FILE. */
export function parseMasterKey(text: string, where = 'the master key'): KeyObject {
  const trimmed = text.replace(/\r?\n$/, '')
  if (!TEXT.test(trimmed)) throw notAKey(where)
  const bytes = Buffer.from(trimmed, 'base64url')
  if (bytes.toString('base64url') !== trimmed) throw notAKey(where)
  return masterKeyOf(bytes, where)
}

/** A master key of its bytes. Throws `SealError` KEY_FILE where they are not 32, or plainly not random. */
export function masterKeyOf(bytes: Uint8Array, where: string): KeyObject {
  if (bytes.length !== KEY_BYTES) throw notAKey(where)
  if (new Set(bytes).size <= 2) throw new SealError('KEY_FILE', `${where} is not random`)
  return createSecretKey(bytes)
}

/**
 * The key for one purpose, for example `payment fields`. The same master key and purpose give the same key; nothing
 * can be told from one purpose's key about another's. `generation` makes further keys for rotation.
 */
export function deriveKey(master: KeyObject, purpose: string, generation = 1): SealKey {
  const info = `countersign seal v1\0${purpose}\0${generation}`
  const bytes = Buffer.from(hkdfSync('sha256', master, Buffer.alloc(0), info, KEY_BYTES))
  const fingerprint = createHash('sha256')
    .update('countersign key id\0')
    .update(bytes)
    .digest('hex')
  return { id: `${generation}-${fingerprint.slice(0, 16)}`, key: createSecretKey(bytes) }
}

function notAKey(where: string): SealError {
  return new SealError('KEY_FILE', `${where} does not hold 32 bytes as 43 characters of base64url`)
}
