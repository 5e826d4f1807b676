import type { KeyObject } from 'node:crypto'
import { z } from 'zod'
import { messageOf } from '../errors/index.ts'
import { SealError } from './errors.ts'
import { KMS_NAMES, type Kms } from './kms/kms.ts'
import { SECRET_FILE_BYTES_MAX } from './limits.ts'
import { masterKeyOf } from './master-key.ts'
import { openWithPassphrase, passphraseBoxSchema, sealWithPassphrase } from './passphrase.ts'
import { createSecretFile, readSecretFile } from './secret-file.ts'

/*
 * The master key in a file, sealed: under a passphrase (`master.argon2.json`) or by a key service
 * (`master.wrapped.json`). What is sealed is a random key in both, so that a passphrase or a service can be exchanged
 * without sealing anything else anew.
 */
const AAD = 'countersign master key'
const sealedSchema = z.strictObject({ version: z.literal(1), box: passphraseBoxSchema })
const wrappedSchema = z.strictObject({
  version: z.literal(1),
  kms: z.enum(KMS_NAMES),
  wrapped: z.string().max(SECRET_FILE_BYTES_MAX),
})

const SEALED = 'the file of the sealed master key'

/** Seals a master key under a passphrase, into a new file of mode 0600. Throws `SealError` KEY_FILE where there is one. */
export async function sealMasterKeyFile(
  path: string,
  options: { key: KeyObject; passphrase: string },
): Promise<void> {
  const box = sealWithPassphrase(options.passphrase, options.key.export(), AAD)
  await createSecretFile(path, render({ version: 1, box }), SEALED)
}

/** Opens it. Throws `SealError` PASSPHRASE_WRONG, NOT_AUTHENTIC, KEY_FILE. */
export function openMasterKeyFile(path: string, passphrase: string): KeyObject {
  const { box } = parse(path, sealedSchema)
  return masterKeyOf(openWithPassphrase(passphrase, box, AAD), `${SEALED} ${path}`)
}

/** Has a master key wrapped by a key service, into a new file of mode 0600. */
export async function wrapMasterKeyFile(
  path: string,
  options: { key: KeyObject; kms: Kms },
): Promise<void> {
  const { key, kms } = options
  const file = { version: 1, kms: kms.name, wrapped: kms.wrap(key) }
  await createSecretFile(path, render(file), SEALED)
}

/** Has it unwrapped. Throws `SealError` KMS_REFUSED, KMS_UNAVAILABLE, KEY_FILE. */
export function unwrapMasterKeyFile(path: string, kms: Kms): KeyObject {
  const file = parse(path, wrappedSchema)
  if (file.kms === kms.name) return kms.unwrap(file.wrapped)
  throw new SealError('KMS_REFUSED', `${SEALED} ${path} is of the key service ${file.kms}`)
}

function parse<T>(path: string, schema: z.ZodType<T>): T {
  const text = readSecretFile(path, SEALED)
  try {
    return schema.parse(JSON.parse(text))
  } catch (cause) {
    const why = cause instanceof z.ZodError ? 'it has another form' : messageOf(cause)
    throw new SealError('KEY_FILE', `${SEALED} ${path} is damaged: ${why}`, { cause })
  }
}

function render(file: object): string {
  return `${JSON.stringify(file, null, 2)}\n`
}
