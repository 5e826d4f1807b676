import { readFile } from 'node:fs/promises'
import { CodedError } from '@countersign/ground/errors'
import { writeFileAtomic } from '@countersign/ground/store'
import { z } from 'zod'
import type { KeyRing } from '../domain/key-ring.ts'
import { OLD_KEYS_MAX } from '../limits.ts'
import type { Sealer } from '../store/sealer.ts'

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
export async function readKeyFile(path: string, sealer: Sealer): Promise<KeyRing | undefined> {
  const sealed = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (sealed === undefined) return undefined
  try {
    return ringSchema.parse(JSON.parse(sealer.open(sealed, AAD).toString()))
  } catch (cause) {
    throw new CodedError(
      'KEYS_UNREADABLE',
      `the signing keys in ${path} cannot be opened with this master key`,
      { cause },
    )
  }
}

/** Durable on return. */
export async function writeKeyFile(path: string, ring: KeyRing, sealer: Sealer): Promise<void> {
  await writeFileAtomic(path, sealer.seal(Buffer.from(JSON.stringify(ring)), AAD))
}
