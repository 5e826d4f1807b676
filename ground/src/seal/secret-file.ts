import { randomBytes } from 'node:crypto'
import { constants, closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { link, open, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { messageOf } from '../errors/index.ts'
import { syncFolder } from '../store/index.ts'
import { SealError } from './errors.ts'
import { SECRET_FILE_BYTES_MAX } from './limits.ts'

/** Makes a file of mode 0600. Durable on return. Throws `SealError` KEY_FILE where there is one already. */
export async function createSecretFile(path: string, text: string, what: string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    // Unlike a rename, a link never replaces a secret that is there.
    await link(temporary, path)
  } catch (cause) {
    throw new SealError('KEY_FILE', `${what} ${path} cannot be made: ${codeOf(cause)}`, { cause })
  } finally {
    await rm(temporary, { force: true })
  }
  await syncFolder(dirname(path))
}

/**
 * Reads a file that holds a secret. `what` names it in messages, as in `the master key file`.
 * Throws `SealError` KEY_FILE where it cannot be read, is too long, or others may read it.
 */
export function readSecretFile(path: string, what: string): string {
  let descriptor: number
  try {
    descriptor = openSync(path, constants.O_RDONLY)
  } catch (cause) {
    throw new SealError('KEY_FILE', `${what} ${path} cannot be read: ${codeOf(cause)}`, { cause })
  }
  try {
    // Asked of what was opened, not of the path: the two could differ by then.
    const { mode, size } = fstatSync(descriptor)
    if ((mode & 0o077) !== 0) {
      throw new SealError('KEY_FILE', `others may read ${what} ${path}; do: chmod 600 ${path}`)
    }
    if (!(size <= SECRET_FILE_BYTES_MAX))
      throw new SealError('KEY_FILE', `${what} ${path} is too long to be one`)
    return readFileSync(descriptor, 'utf8')
  } finally {
    closeSync(descriptor)
  }
}

function codeOf(thrown: unknown): string {
  return (thrown as NodeJS.ErrnoException).code ?? messageOf(thrown)
}
