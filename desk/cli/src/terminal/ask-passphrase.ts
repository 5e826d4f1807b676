import { messageOf } from '@countersign/ground/errors'
import { checkPassphrase } from '@countersign/ground/seal'
import type { Desk } from '../desk.ts'
import { DeskError } from '../errors.ts'
import { readPassphrase } from '../home/passphrase.ts'

export interface PassphraseWanted {
  /** The file that the command line names. */
  readonly file: string | undefined
  /** The variable that may hold it, or with `_FILE` the file. */
  readonly variable: string
  /** What it opens, for the question. */
  readonly of: string
  /** Asked for twice: it opens nothing yet that would tell a mistake. */
  readonly fresh: boolean
}

/**
 * A passphrase from where the command line or the environment says, or else from the person at the terminal, who does
 * not see it. Throws `DeskError`: USAGE where nobody can be asked, CONFIGURATION for one that is too weak, FAILED where
 * the person gave up.
 */
export async function passphraseOf(desk: Desk, wanted: PassphraseWanted): Promise<string> {
  const { file, variable } = wanted
  const named = file ?? desk.env[`${variable}_FILE`] ?? desk.env[variable]
  if (named !== undefined || desk.ask === undefined) return readPassphrase(desk, { file, variable })
  const first = await desk.ask.secret(`Passphrase of ${wanted.of}: `)
  const second = wanted.fresh ? await desk.ask.secret('The same again: ') : first
  if (first === undefined || second === undefined) throw new DeskError('FAILED', 'nothing was done')
  if (first !== second) throw new DeskError('FAILED', 'the two are not the same; nothing was done')
  try {
    return checkPassphrase(first, 'the passphrase')
  } catch (error) {
    throw new DeskError('CONFIGURATION', messageOf(error), { cause: error })
  }
}
