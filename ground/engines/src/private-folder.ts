import { createHash } from 'node:crypto'
import { chmod, lstat, mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { messageOf } from '@countersign/ground/errors'
import { EngineError } from './engine.ts'
import { SOCKET_PATH_BYTES_MAX } from './limits.ts'

/**
 * Makes a folder that only this user can enter (0700), or checks that it is one.
 * Throws `EngineError` where the path is a link or belongs to somebody else: in a shared folder anyone could have put it there.
 */
export async function privateFolder(path: string): Promise<string> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
    const found = await lstat(path)
    if (!found.isDirectory()) throw new EngineError(`${path} is not a folder; remove it`)
    if (found.uid !== process.getuid?.()) {
      throw new EngineError(`${path} belongs to another user; remove it, or start as that user`)
    }
    if ((found.mode & 0o077) !== 0) await chmod(path, 0o700)
    return path
  } catch (error) {
    if (error instanceof EngineError) throw error
    throw new EngineError(`cannot use the folder ${path}: ${messageOf(error)}`, error)
  }
}

/**
 * The path where a socket can be: the wanted one, or, where that is too long for the operating system,
 * one in a folder of the temporary folder, named after a hash of the wanted folder.
 */
export function shortSocketPath(wanted: string): string {
  const path = resolve(wanted)
  if (Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX) return path
  const hash = createHash('sha256').update(dirname(path)).digest('hex').slice(0, 16)
  return join(tmpdir(), `countersign-${hash}`, basename(path))
}

/** Makes the folder of a socket and returns the path to listen on, which can differ from the wanted one. */
export async function prepareSocket(wanted: string): Promise<string> {
  const path = shortSocketPath(wanted)
  await privateFolder(dirname(path))
  return path
}
