import type { KeyObject } from 'node:crypto'
import { open, seal } from '../envelope.ts'
import { SealError } from '../errors.ts'
import { deriveKey, masterKeyOf, readMasterKey } from '../master-key.ts'
import type { Kms } from './kms.ts'

const AAD = 'countersign master key'

/**
 * A key file in place of a key service: on a medium that is put in for the start, or on a folder that is mounted from
 * elsewhere. Throws `SealError` KEY_FILE where it cannot be used.
 */
export function openLocalKms(options: { keyFile: string }): Kms {
  const key = deriveKey(readMasterKey(options.keyFile), 'kms local')
  return {
    name: 'local',
    wrap: (wanted: KeyObject) => seal(key, wanted.export(), AAD),
    unwrap(blob) {
      let bytes: Buffer
      try {
        bytes = open(key, blob, AAD)
      } catch (cause) {
        throw new SealError('KMS_REFUSED', `${options.keyFile} does not open this master key`, {
          cause,
        })
      }
      return masterKeyOf(bytes, 'what the key file opened')
    },
  }
}
