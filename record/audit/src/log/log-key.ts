import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { NoteSigner } from '@countersign/ground/merkle'
import { open, seal, type SealKey } from '@countersign/ground/seal'
import { writeFileAtomic } from '@countersign/ground/store'
import { LogError } from '../errors.ts'

/**
 * The Ed25519 key of the log, sealed in `log-key` of the folder; made where there is neither a key nor a log.
 * Throws `LogError` KEY_MISSING where there is a log without its key, `SealError` where the master key is another.
 */
export async function openLogKey(options: {
  readonly folder: string
  readonly origin: string
  readonly sealKey: SealKey
  readonly logExists: boolean
}): Promise<NoteSigner> {
  const { folder, origin, sealKey, logExists } = options
  const path = join(folder, 'log-key')
  const place = `audit log key of ${origin}`
  const sealed = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
    return undefined
  })
  if (sealed !== undefined) {
    const der = open(sealKey, sealed.trimEnd(), place)
    return {
      name: origin,
      privateKey: createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }),
    }
  }
  if (logExists)
    throw new LogError('KEY_MISSING', `there is a log in ${folder}, but not its key ${path}`)
  const { privateKey } = generateKeyPairSync('ed25519')
  const der = privateKey.export({ format: 'der', type: 'pkcs8' })
  await writeFileAtomic(path, `${seal(sealKey, der, place)}\n`)
  return { name: origin, privateKey }
}
