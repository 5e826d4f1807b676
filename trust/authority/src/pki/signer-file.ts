import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { type FileHandle, open as openFile } from 'node:fs/promises'
import { messageOf } from '@countersign/ground/errors'
import { deriveKey, open, seal } from '@countersign/ground/seal'
import { writeFileAtomic } from '@countersign/ground/store'
import type { Issuer } from '@countersign/ground/x509'
import { z } from 'zod'
import { AuthorityError } from '../errors.ts'
import { SIGNER_FILE_BYTES_MAX } from '../trust/limits.ts'

/*
 * A CA on disk: certificate and sealed key in one file of mode 0600, so that a crash cannot leave one without the
 * other. The key is sealed for its place: the root's does not open as an intermediate's. A file that others may read
 * is not used, though its key is sealed: somebody has had his hands on it.
 */
const fileSchema = z.strictObject({
  version: z.literal(1),
  certificate: z.string().max(65_536),
  /** Envelope of the PKCS#8 DER. */
  sealedKey: z.string().max(65_536),
})

export interface Place {
  readonly path: string
  readonly trustDomain: string
  /** `root <id>`, or `intermediate <instance> <id>`. */
  readonly role: string
}

/** Seals and writes a CA. Durable on return. */
export async function writeSigner(
  place: Place,
  signer: Issuer,
  masterKey: KeyObject,
): Promise<void> {
  const der = signer.privateKey.export({ format: 'der', type: 'pkcs8' })
  const sealedKey = seal(sealingKey(masterKey), der, placeText(place))
  const file = { version: 1, certificate: signer.certificate, sealedKey }
  await writeFileAtomic(place.path, `${JSON.stringify(file, null, 2)}\n`, 0o600)
}

/** Reads a CA; `undefined` where there is none. Throws `AuthorityError` PKI_DAMAGED where it cannot be used. */
export async function readSigner(place: Place, masterKey: KeyObject): Promise<Issuer | undefined> {
  const text = await readPrivateText(place)
  if (text === undefined) return undefined
  try {
    const file = fileSchema.parse(JSON.parse(text))
    const der = open(sealingKey(masterKey), file.sealedKey, placeText(place))
    const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    if (!new X509Certificate(file.certificate).checkPrivateKey(privateKey)) {
      throw new Error('the key does not belong to the certificate')
    }
    return { certificate: file.certificate, privateKey }
  } catch (error) {
    throw damaged(place, error)
  }
}

async function readPrivateText(place: Place): Promise<string | undefined> {
  let file: FileHandle
  try {
    file = await openFile(place.path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw damaged(place, error)
  }
  try {
    // Asked of what was opened, not of the path: the two could differ by then.
    const { mode, size } = await file.stat()
    if ((mode & 0o077) !== 0)
      throw damaged(place, `others may read it; do: chmod 600 ${place.path}`)
    if (!(size <= SIGNER_FILE_BYTES_MAX)) throw damaged(place, 'it is too long')
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}

function sealingKey(masterKey: KeyObject) {
  return deriveKey(masterKey, 'authority signing keys')
}

function placeText({ trustDomain, role }: Place): string {
  return `authority signer ${trustDomain} ${role}`
}

function damaged({ path }: Place, cause: unknown): AuthorityError {
  const message = `the signing key in ${path} cannot be used: ${messageOf(cause)}`
  return new AuthorityError('PKI_DAMAGED', message, { cause })
}
