import { closeSync, fstatSync, ftruncateSync, openSync, readSync } from 'node:fs'
import { rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { LOG_BYTES_MAX, LOG_CHECK_MS, LOG_TAIL_BYTES } from './limits.ts'

/** The file that an engine writes its own messages to. It never grows far past `LOG_BYTES_MAX`. */
export interface EngineLog {
  readonly path: string
  /** For the `stdio` of the engine's process. */
  readonly descriptor: number
  /** The last lines, for an error text. */
  tail(): string
  close(): void
}

/** Opens `<folder>/<name>.log` (0600) for appending; a large one of an earlier run becomes `<name>.log.1`. */
export async function openEngineLog(folder: string, name: string): Promise<EngineLog> {
  const path = join(folder, `${name}.log`)
  const before = await stat(path).catch(() => undefined)
  if (before !== undefined && before.size > LOG_BYTES_MAX / 2) await rename(path, `${path}.1`)
  const descriptor = openSync(path, 'a+', 0o600)
  // The engine appends, so that cutting the file under it is safe.
  const check = setInterval(() => {
    if (fstatSync(descriptor).size > LOG_BYTES_MAX) ftruncateSync(descriptor)
  }, LOG_CHECK_MS).unref()
  let open = true
  return {
    path,
    descriptor,
    tail: () => (open ? readTail(descriptor) : ''),
    close() {
      clearInterval(check)
      if (open) closeSync(descriptor)
      open = false
    },
  }
}

function readTail(descriptor: number): string {
  const size = fstatSync(descriptor).size
  const bytes = Buffer.alloc(Math.min(size, LOG_TAIL_BYTES))
  readSync(descriptor, bytes, 0, bytes.length, size - bytes.length)
  const lines = bytes.toString('utf8').split('\n')
  return lines.slice(-8).join('\n').trim()
}
