import { readFile } from 'node:fs/promises'
import { CodedError } from '@countersign/ground/errors'
import type { Keyring } from '@countersign/ground/seal'
import { writeFileAtomic } from '@countersign/ground/store'
import { z } from 'zod'
import type { KeyRing } from '../domain/key-ring.ts'
import { OLD_KEYS_MAX } from '../limits.ts'

const AAD = 'identity/signing-keys/1'
const key = {
  kid: z.string().min(1),
  jwk: z.record(z.string(), z.string()),
  publishedAt: z.number(),
}
const ringSchema = z.strictObject({
  current: z.strictObject({ ...key, since: z.number() }),
  next: z.strictObject(key),
  old: z.array(z.strictObject({ ...key, retiredAt: z.number() })).max(OLD_KEYS_MAX),
})

/**
 * The ring as it lies on disk, sealed; `undefined` where there is none yet.
 * Throws `CodedError` KEYS_UNREADABLE where there is one that cannot be opened: new keys would silently
 * end every session, so that is for an operator to decide.
 */
export async function readKeyFile(path: string, keyring: Keyring): Promise<KeyRing | undefined> {
  const sealed = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (sealed === undefined) return undefined
  try {
    return ringSchema.parse(JSON.parse(keyring.open(sealed, AAD).toString()))
  } catch (cause) {
    throw new CodedError(
      'KEYS_UNREADABLE',
      `the signing keys in ${path} cannot be opened with this master key`,
      { cause },
    )
  }
}

/** Durable on return. */
export async function writeKeyFile(path: string, ring: KeyRing, keyring: Keyring): Promise<void> {
  await writeFileAtomic(path, keyring.seal(JSON.stringify(ring), AAD))
}
