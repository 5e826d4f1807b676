import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { messageOf } from '@countersign/ground/errors'
import { deriveKey, open, seal } from '@countersign/ground/seal'
import { writeFileAtomic } from '@countersign/ground/store'
import type { Issuer } from '@countersign/ground/x509'
import { z } from 'zod'
import { AuthorityError } from '../errors.ts'

/*
 * A CA on disk: certificate and sealed key in one file of mode 0600, so that a crash cannot leave one without the
 * other. The key is sealed for its place: the root's does not open as an intermediate's.
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
  /** `root`, or the instance whose intermediate it is. */
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
  let text: string
  try {
    text = await readFile(place.path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw damaged(place, error)
  }
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
