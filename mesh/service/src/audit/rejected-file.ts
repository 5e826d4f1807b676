import { appendFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '@countersign/ground/telemetry'
import { REJECTED_BYTES_MAX } from './limits.ts'

/** Puts lines that the collector will never take into `rejected.ndjson`, up to a bound, for people to look at. */
export function createRejectedFile(folder: string, log: Log): (line: Buffer) => Promise<void> {
  const path = join(folder, 'rejected.ndjson')
  return async (line) => {
    try {
      const bytes = await stat(path).then(
        ({ size }) => size,
        () => 0,
      )
      if (bytes + line.length < REJECTED_BYTES_MAX)
        await appendFile(path, Buffer.concat([line, Buffer.from('\n')]), { mode: 0o600 })
      else log.error({ path }, 'the file of rejected audit events is full; one was dropped')
    } catch (error) {
      log.error({ err: error, path }, 'a rejected audit event could not be set aside')
    }
  }
}
