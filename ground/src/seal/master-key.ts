import { createHash, createSecretKey, hkdfSync, type KeyObject, randomBytes } from 'node:crypto'
import { constants, closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { link, open, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ConfigError } from '../config/index.ts'
import { messageOf } from '../errors/index.ts'
import { syncFolder } from '../store/index.ts'
import type { SealKey } from './envelope.ts'
import { SealError } from './errors.ts'
import { KEY_BYTES } from './limits.ts'

/*
 * The master key: 32 random bytes, as 43 characters of base64url in a file that only its owner may read. It encrypts
 * nothing itself. Each purpose has a key of its own, made from it by HKDF (RFC 5869), so that a value sealed for one
 * purpose cannot be opened in another, whatever its envelope says.
 */
const FILE_BYTES_MAX = 64
const TEXT = /^[A-Za-z0-9_-]{43}$/

/** Makes a master key file, mode 0600. Durable on return. Throws `SealError` KEY_FILE where there is a file already. */
export async function createMasterKey(path: string): Promise<KeyObject> {
  const bytes = randomBytes(KEY_BYTES)
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(`${bytes.toString('base64url')}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    // Unlike a rename, a link never replaces a key that is there.
    await link(temporary, path)
  } catch (cause) {
    throw new SealError(
      'KEY_FILE',
      `the master key file ${path} cannot be made: ${codeOf(cause)}`,
      { cause },
    )
  } finally {
    await rm(temporary, { force: true })
  }
  await syncFolder(dirname(path))
  return createSecretKey(bytes)
}

/** Reads a master key file. Throws `SealError` KEY_FILE where others may read it, or it does not hold a key. */
export function readMasterKey(path: string): KeyObject {
  let descriptor: number
  try {
    descriptor = openSync(path, constants.O_RDONLY)
  } catch (cause) {
    throw new SealError(
      'KEY_FILE',
      `the master key file ${path} cannot be read: ${codeOf(cause)}`,
      { cause },
    )
  }
  try {
    // Asked of what was opened, not of the path: the two could differ by then.
    const { mode, size } = fstatSync(descriptor)
    if ((mode & 0o077) !== 0) {
      throw new SealError(
        'KEY_FILE',
        `others may read the master key file ${path}; do: chmod 600 ${path}`,
      )
    }
    if (!(size <= FILE_BYTES_MAX)) throw notAKey(`the master key file ${path}`)
    return parseMasterKey(readFileSync(descriptor, 'utf8'), `the master key file ${path}`)
  } finally {
    closeSync(descriptor)
  }
}

/** Reads a master key from its text. `where` is for the message. Throws `SealError` KEY_FILE. */
export function parseMasterKey(text: string, where = 'the master key'): KeyObject {
  const trimmed = text.replace(/\r?\n$/, '')
  if (!TEXT.test(trimmed)) throw notAKey(where)
  const bytes = Buffer.from(trimmed, 'base64url')
  if (bytes.toString('base64url') !== trimmed) throw notAKey(where)
  if (new Set(bytes).size <= 2) throw new SealError('KEY_FILE', `${where} is not random`)
  return createSecretKey(bytes)
}

/**
 * The master key that the settings name: `COUNTERSIGN_MASTER_KEY_FILE`, checked like any master key file, or the
 * value `COUNTERSIGN_MASTER_KEY`. Throws `ConfigError`.
 */
export function masterKeyFrom(env: Readonly<Record<string, string | undefined>>): KeyObject {
  const { COUNTERSIGN_MASTER_KEY: value, COUNTERSIGN_MASTER_KEY_FILE: file } = env
  try {
    if (value !== undefined) return parseMasterKey(value, 'COUNTERSIGN_MASTER_KEY')
    if (file !== undefined) return readMasterKey(file)
  } catch (error) {
    throw new ConfigError([messageOf(error)])
  }
  throw new ConfigError([
    'COUNTERSIGN_MASTER_KEY_FILE is missing; it names a file of mode 0600 with the key',
  ])
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

function codeOf(thrown: unknown): string {
  return (thrown as NodeJS.ErrnoException).code ?? messageOf(thrown)
}
