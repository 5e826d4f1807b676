import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { openStream, SealError } from '@countersign/ground/seal'
import { DeskError, systemCode } from '../errors.ts'
import { BACKUP_HEADER_BYTES_MAX } from '../limits.ts'
import { type EntrySink, unpackEntries } from './entries.ts'
import { type BackupHeader, backupKeys, readHeader } from './format.ts'

export interface Read {
  readonly createdAt: Date
  readonly files: number
  readonly bytes: number
}

/**
 * Reads a backup to its end and hands each entry to `sink`. What `sink` sees is authentic; that it is all of it is
 * certain only when this returns. Throws `DeskError` where the passphrase is another, or anything of it was changed.
 */
export async function readBackup(
  options: { file: string; passphrase: string },
  sink: EntrySink,
): Promise<Read> {
  const { file, passphrase } = options
  try {
    const { header, line } = await headerOf(file)
    const keys = backupKeys(passphrase, header.kdf)
    if (keys.check !== header.check)
      throw new DeskError('FAILED', `the passphrase is not the one of ${file}`)
    const sums = await pipeline(
      createReadStream(file, { start: Buffer.byteLength(line) }),
      (source) => openStream(keys.bind(line), source),
      createGunzip(),
      (source) => unpackEntries(source, sink),
    )
    return { createdAt: new Date(header.createdAt), ...sums }
  } catch (error) {
    throw explained(error, file)
  }
}

async function headerOf(path: string): Promise<{ header: BackupHeader; line: string }> {
  const file = await open(path, 'r')
  try {
    const start = Buffer.alloc(BACKUP_HEADER_BYTES_MAX)
    const { bytesRead } = await file.read(start, 0, start.length, 0)
    return readHeader(start.subarray(0, bytesRead))
  } finally {
    await file.close()
  }
}

function explained(error: unknown, file: string): unknown {
  if (error instanceof SealError || systemCode(error)?.startsWith('Z_') === true)
    return new DeskError('FAILED', `${file} was changed or cut off; nothing was restored from it`, {
      cause: error,
    })
  if (systemCode(error) === 'ENOENT' && (error as NodeJS.ErrnoException).path === file)
    return new DeskError('FAILED', `there is no file ${file}`, { cause: error })
  return error
}
