import { copyFile, open, stat, truncate } from 'node:fs/promises'
import { systemCode } from '../errors.ts'
import { LOG_BYTES_MAX } from '../limits.ts'

/** Opens a log for appending (0600). Processes write into it themselves, so it goes on without the supervisor. */
export function openLog(path: string): Promise<Awaited<ReturnType<typeof open>>> {
  return open(path, 'a', 0o600)
}

/**
 * Keeps a log within its bound: the content moves to `<path>.1` and writing goes on at the start of the same file.
 * Lines that arrive between the two steps are lost; audit events never travel through logs.
 */
export async function boundLog(path: string, bytesMax: number = LOG_BYTES_MAX): Promise<boolean> {
  try {
    if ((await stat(path)).size <= bytesMax) return false
    await copyFile(path, `${path}.1`)
    await truncate(path, 0)
    return true
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false
    throw error
  }
}
