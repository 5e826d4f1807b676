import { existsSync, realpathSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { coldDynamo, coldPostgres } from '@countersign/engines'
import { createLog } from '@countersign/ground/telemetry'
import { outsideOf } from '../backup/outside-of.ts'
import { writeBackup } from '../backup/write-backup.ts'
import type { Desk } from '../desk.ts'
import { DeskError } from '../errors.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { currentLock, takeLock } from '../home/lock.ts'
import { readPassphrase } from '../home/passphrase.ts'
import { size } from '../terminal/size.ts'

/** `countersign backup <file>`: the whole state in one sealed file. The platform has to be down, and stays down meanwhile. */
export async function backup(
  desk: Desk,
  path: string,
  options: { passphraseFile?: string; json?: boolean },
): Promise<ExitCode> {
  const { layout, output } = desk
  const file = resolve(desk.folder, path)
  const variable = 'COUNTERSIGN_BACKUP_PASSPHRASE'
  const passphrase = readPassphrase(desk, { file: options.passphraseFile, variable })
  requirePlace(file, layout.root)
  const lock = currentLock(layout)
  if (lock !== undefined)
    throw new DeskError(
      'ALREADY_RUNNING',
      `the platform runs (pid ${lock.pid}); a backup is taken while it is down.\nStop it with: countersign down`,
    )
  const release = await takeLock(layout)
  try {
    const log = createLog({ service: 'desk', node: 'desk', level: 'silent' })
    await coldDynamo(layout.dynamo, log)
    const postgresData = await coldPostgres(layout.postgres, log)
    const now = new Date()
    const written = await writeBackup({ layout, postgresData, file, passphrase, now })
    const outside = outsideOf(desk)
    if (options.json === true) output.json({ ok: true, file, ...written, outside })
    else {
      output.line(
        `${file}: ${written.files} files, ${size(written.bytes)}, sealed in ${size(written.fileBytes)}`,
      )
      for (const each of outside) output.note(`not in it: ${each}`)
      output.note('Keep the passphrase apart from it. Bring it back with: countersign restore')
    }
    return EXIT.ok
  } finally {
    await release()
  }
}

function requirePlace(file: string, root: string): void {
  if (!existsSync(root))
    throw new DeskError('FAILED', `there is no state in ${root} to be backed up`)
  if (!existsSync(dirname(file)))
    throw new DeskError('ENVIRONMENT', `there is no folder ${dirname(file)}`)
  const [folder, state] = [realpathSync(dirname(file)), realpathSync(root)]
  if (folder === state || folder.startsWith(`${state}/`))
    throw new DeskError(
      'USAGE',
      'a backup in the folder that it is of goes with it; name another place',
    )
}
