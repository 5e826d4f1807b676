import type { MovedRoot, RootMove } from '@countersign/authority'
import { messageOf } from '@countersign/ground/errors'
import { resolve } from 'node:path'
import type { Desk } from '../desk.ts'
import { DeskError } from '../errors.ts'
import { openMasterKey } from '../home/master-key.ts'
import { passphraseOf } from '../terminal/ask-passphrase.ts'

export interface MoveRootOptions {
  readonly passphraseFile?: string
  readonly json?: boolean
}

/**
 * Opens what a move of the root key needs, in the order in which it can fail without a question, and does it. Throws
 * `DeskError` FAILED with the words of whoever refuses.
 */
export async function moveRoot(
  desk: Desk,
  path: string,
  how: {
    readonly options: MoveRootOptions
    /** Whether the file is new, and its passphrase with it. */
    readonly fresh: boolean
    readonly move: (move: RootMove) => Promise<MovedRoot>
  },
): Promise<MovedRoot & { readonly file: string }> {
  const file = resolve(desk.folder, path)
  const masterKey = openMasterKey(desk)
  const passphrase = await passphraseOf(desk, {
    file: how.options.passphraseFile,
    variable: 'COUNTERSIGN_ROOT_PASSPHRASE',
    of: 'the root key',
    fresh: how.fresh,
  })
  try {
    return { file, ...(await how.move({ folder: desk.layout.pki, masterKey, file, passphrase })) }
  } catch (error) {
    throw new DeskError('FAILED', messageOf(error), { cause: error })
  }
}
