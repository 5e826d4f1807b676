import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { messageOf } from '@countersign/ground/errors'
import {
  createSecretFile,
  openWithPassphrase,
  passphraseBoxSchema,
  readSecretFile,
  SealError,
  sealWithPassphrase,
} from '@countersign/ground/seal'
import { keyIdOf, readCertificate } from '@countersign/ground/x509'
import { z } from 'zod'
import { AuthorityError } from '../errors.ts'
import type { Ca } from '../pki/create-ca.ts'

/*
 * A root off line: certificate and key in one file of mode 0600, the key sealed under a passphrase (argon2id and
 * AES-256-GCM). The file says what it is and how it is opened, so that it can be used in ten years, with this program
 * or without it. What stands in it in the clear is sealed with the key: another certificate does not go with it.
 */
const fileSchema = z.strictObject({
  format: z.literal('countersign-root-key'),
  version: z.literal(1),
  trustDomain: z.string().max(255),
  id: z.string().regex(/^[0-9a-f]{40}$/),
  certificate: z.string().max(16_384),
  box: passphraseBoxSchema,
})
const WHAT = 'the file with the root key'

/** Writes a root into a new file. Durable on return. Throws `SealError` KEY_FILE where there is a file already. */
export async function writeRootFile(
  path: string,
  options: { root: Ca; trustDomain: string; passphrase: string },
): Promise<void> {
  const { root, trustDomain, passphrase } = options
  const { id, certificate } = root
  const der = root.privateKey.export({ format: 'der', type: 'pkcs8' })
  const box = sealWithPassphrase(passphrase, der, placeOf({ trustDomain, id, certificate }))
  const file = { format: 'countersign-root-key', version: 1, trustDomain, id, certificate, box }
  await createSecretFile(path, `${JSON.stringify(file, null, 2)}\n`, WHAT)
}

/**
 * Reads a root from a file. Throws `AuthorityError` ROOT_REFUSED for another passphrase, for a file that is none or was
 * changed, and for one that others may read.
 */
export function readRootFile(
  path: string,
  passphrase: string,
): Ca & { readonly trustDomain: string } {
  try {
    const file = parse(readSecretFile(path, WHAT))
    const der = openWithPassphrase(passphrase, file.box, placeOf(file))
    const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    const { id, certificate, trustDomain } = file
    requireWhole({ id, certificate, privateKey })
    return { id, certificate, privateKey, trustDomain }
  } catch (cause) {
    throw refused(path, cause)
  }
}

function parse(text: string): z.output<typeof fileSchema> {
  try {
    return fileSchema.parse(JSON.parse(text))
  } catch (cause) {
    throw new Error('it is no file of a root key, or was changed', { cause })
  }
}

/** The parts belong together, and the certificate is that of a CA. */
function requireWhole({ id, certificate, privateKey }: Ca & { privateKey: KeyObject }): void {
  const parsed = new X509Certificate(certificate)
  const whole =
    parsed.checkPrivateKey(privateKey) && keyIdOf(parsed) === id && readCertificate(parsed.raw).ca
  if (!whole) throw new Error('its key and its certificate do not belong together')
}

function placeOf(file: { trustDomain: string; id: string; certificate: string }): string {
  const hash = createHash('sha256').update(file.certificate).digest('hex')
  return `countersign root key ${file.trustDomain} ${file.id} ${hash}`
}

function refused(path: string, cause: unknown): AuthorityError {
  const changed = cause instanceof SealError && cause.code === 'NOT_AUTHENTIC'
  const why = changed ? 'it was changed' : messageOf(cause)
  return new AuthorityError('ROOT_REFUSED', `${path} cannot be used: ${why}`, { cause })
}
