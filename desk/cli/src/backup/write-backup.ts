import { randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { link, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { newKdf, sealStream } from '@countersign/ground/seal'
import { syncFolder } from '@countersign/ground/store'
import { DeskError, systemCode } from '../errors.ts'
import type { Layout } from '../home/layout.ts'
import { BACKUP_GZIP_LEVEL } from '../limits.ts'
import { collectState } from './collect-state.ts'
import { packEntries } from './entries.ts'
import { backupKeys, headerLine } from './format.ts'
import { readBackup } from './read-backup.ts'

export interface Written {
  readonly files: number
  /** Of the state, and of the file that holds it. */
  readonly bytes: number
  readonly fileBytes: number
}

/**
 * Writes the state of a platform that is down into one new file of mode 0600, sealed under a passphrase, and reads it
 * back before it gets its name. Durable on return. Throws `DeskError`; then there is no file.
 */
export async function writeBackup(options: {
  layout: Layout
  postgresData: string | undefined
  file: string
  passphrase: string
  now: Date
}): Promise<Written> {
  const { layout, postgresData, file, passphrase, now } = options
  const kdf = newKdf()
  const keys = backupKeys(passphrase, kdf)
  const header = { format: 'countersign-backup', version: 1 } as const
  const line = headerLine({ ...header, createdAt: now.toISOString(), kdf, check: keys.check })
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`
  try {
    await pipeline(
      packEntries(collectState(layout, postgresData)),
      createGzip({ level: BACKUP_GZIP_LEVEL }),
      async function* (source: AsyncIterable<Buffer>) {
        yield Buffer.from(line)
        yield* sealStream(keys.bind(line), source)
      },
      createWriteStream(temporary, { flags: 'wx', mode: 0o600, flush: true }),
    )
    const { files, bytes } = await readBackup({ file: temporary, passphrase }, async () => {})
    const fileBytes = (await stat(temporary)).size
    // Unlike a rename, a link never replaces a backup that is there.
    await link(temporary, file)
    await syncFolder(dirname(file))
    return { files, bytes, fileBytes }
  } catch (error) {
    if (error instanceof DeskError) throw error
    if (systemCode(error) === 'EEXIST')
      throw new DeskError('FAILED', `${file} is there already; backups are never overwritten`)
    throw new DeskError('ENVIRONMENT', `cannot write ${file} (${systemCode(error) ?? 'failed'})`, {
      cause: error,
    })
  } finally {
    await rm(temporary, { force: true })
  }
}
