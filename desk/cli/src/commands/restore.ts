import { resolve } from 'node:path'
import { createLog } from '@countersign/ground/telemetry'
import { readBackup } from '../backup/read-backup.ts'
import { requireEmpty, restoreState } from '../backup/restore-state.ts'
import type { Desk } from '../desk.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { readPassphrase } from '../home/passphrase.ts'
import { size } from '../terminal/size.ts'
import { left } from '../terminal/status-table.ts'

/** `countersign restore <file>`: the state of a backup in an empty place, for `countersign up` to go on with. */
export async function restore(
  desk: Desk,
  path: string,
  options: { passphraseFile?: string; check?: boolean; json?: boolean },
): Promise<ExitCode> {
  const { layout, output } = desk
  const file = resolve(desk.folder, path)
  const variable = 'COUNTERSIGN_BACKUP_PASSPHRASE'
  const passphrase = readPassphrase(desk, { file: options.passphraseFile, variable })
  const check = options.check === true
  const log = createLog({ service: 'desk', node: 'desk', level: 'silent' })
  if (!check) await requireEmpty(layout.root)
  const read = check
    ? await readBackup({ file, passphrase }, async () => {})
    : await restoreState({ root: layout.root, file, passphrase, log })
  const { createdAt, files, bytes } = read
  if (options.json === true) {
    output.json({ ok: true, restored: !check, createdAt: createdAt.toISOString(), files, bytes })
    return EXIT.ok
  }
  const age = left(Math.max(0, Date.now() - createdAt.getTime()))
  const what = `${files} files, ${size(bytes)}, as of ${createdAt.toISOString()} (${age} ago)`
  if (check) {
    output.line(`${file} is whole: ${what}`)
    return EXIT.ok
  }
  output.line(`${layout.root}: ${what}`)
  output.note(
    'What happened since then is not in it. Certificates that were revoked since have to be revoked again.',
  )
  output.note(
    'Make sure that the platform it comes from does not run any more, then: countersign up',
  )
  return EXIT.ok
}
