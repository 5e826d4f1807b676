import { constants, createPublicKey, type KeyObject, publicEncrypt } from 'node:crypto'
import { SealError } from '../errors.ts'
import { KMS_RSA_BITS_MIN } from '../limits.ts'
import { masterKeyOf } from '../master-key.ts'
import type { Kms } from './kms.ts'
import { type Pkcs11Token, runPkcs11Tool } from './pkcs11-tool.ts'

/*
 * An RSA key in a PKCS#11 token (a smart card, an HSM, SoftHSM). Whoever has its public half can seal; only the token
 * opens, after its PIN. RSA-OAEP with SHA-1 (RFC 8017, 7.1), since that is what every token knows. OAEP asks no
 * collision resistance of the hash: the weakness of SHA-1 does not touch it (NIST SP 800-131A).
 */
const BLOB = /^oaep-sha1\.([A-Za-z0-9_-]{64,2048})$/
const OAEP = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' } as const

export interface Pkcs11Options extends Pkcs11Token {
  /** CKA_ID of the key pair, in hex. Not its label: OpenSC does not look at that when it decrypts. */
  readonly keyId: string
}

/** Makes nothing and asks nothing yet: the token is needed when something is wrapped or unwrapped. */
export function openPkcs11Kms(options: Pkcs11Options): Kms {
  return {
    name: 'pkcs11',
    wrap: (key) => {
      const sealed = publicEncrypt({ key: publicHalf(options), ...OAEP }, key.export())
      return `oaep-sha1.${sealed.toString('base64url')}`
    },
    unwrap(blob) {
      const text = BLOB.exec(blob)?.[1]
      if (text === undefined) throw new SealError('KMS_REFUSED', 'this was not sealed for a token')
      const how = [
        '--mechanism',
        'RSA-PKCS-OAEP',
        '--hash-algorithm',
        'SHA-1',
        '--mgf',
        'MGF1-SHA1',
      ]
      const bytes = runPkcs11Tool(options, {
        args: ['--login', '--decrypt', ...how, '--id', options.keyId],
        input: Buffer.from(text, 'base64url'),
      })
      if (bytes.length !== 32)
        throw new SealError('KMS_REFUSED', `the token's key ${options.keyId} did not seal this`)
      return masterKeyOf(bytes, 'what the token opened')
    },
  }
}

function publicHalf(options: Pkcs11Options): KeyObject {
  const args = ['--login', '--read-object', '--type', 'pubkey', '--id', options.keyId]
  const der = runPkcs11Tool(options, { args })
  let key: KeyObject
  try {
    key = createPublicKey({ key: der, format: 'der', type: 'spki' })
  } catch (cause) {
    const message = `the token gives no public key ${options.keyId}`
    throw new SealError('KMS_REFUSED', message, { cause })
  }
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0
  if (key.asymmetricKeyType === 'rsa' && bits >= KMS_RSA_BITS_MIN) return key
  throw new SealError(
    'KMS_REFUSED',
    `the token's key ${options.keyId} is not RSA of ${KMS_RSA_BITS_MIN} bits or more`,
  )
}
