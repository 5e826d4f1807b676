import { resolve } from 'node:path'
import { messageOf } from '@countersign/ground/errors'
import { checkPassphrase, readPassphraseFile } from '@countersign/ground/seal'
import type { Desk } from '../desk.ts'
import { DeskError } from '../errors.ts'

/**
 * The passphrase of a backup or of a root key: of the file that the command line names, or of `<variable>_FILE`, or
 * `<variable>` itself. Never an argument: those can be seen by everybody. Throws `DeskError`.
 */
export function readPassphrase(
  { env, folder }: Pick<Desk, 'env' | 'folder'>,
  given: { file: string | undefined; variable: string },
): string {
  const { variable } = given
  const file = given.file ?? env[`${variable}_FILE`]
  const value = env[variable]
  try {
    if (file !== undefined) return readPassphraseFile(resolve(folder, file))
    if (value !== undefined) return checkPassphrase(value, variable)
  } catch (error) {
    throw new DeskError('CONFIGURATION', messageOf(error), { cause: error })
  }
  throw new DeskError(
    'USAGE',
    `a passphrase is needed: --passphrase-file <file> (mode 0600), or ${variable}_FILE.\nMake one, and keep it apart from what it opens: (umask 077 && openssl rand -base64 24 > passphrase)`,
  )
}
