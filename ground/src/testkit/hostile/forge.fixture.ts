import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  sign,
} from 'node:crypto'
import { TAG } from '../../x509/der.ts'
import { keyIdOf, spkiOf } from '../../x509/key-id.ts'
import { OID } from '../../x509/oids.ts'
import { writePem } from '../../x509/pem.ts'
import { newSerial, writeSerial } from '../../x509/serial.ts'
import { signMethodOf } from '../../x509/sign-method.ts'
import {
  writeBitString,
  writeDer,
  writeInteger,
  writeOid,
  writeTime,
} from '../../x509/write-der.ts'
import * as write from '../../x509/write-extensions.ts'

/* Certificates such as no honest authority signs: every part of them can be another one, or be left out. */

export interface Keys {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}
export const ecKeys = (namedCurve = 'prime256v1'): Keys => generateKeyPairSync('ec', { namedCurve })
export const rsaKeys = (modulusLength: number, publicExponent = 65_537): Keys =>
  generateKeyPairSync('rsa', { modulusLength, publicExponent })

/** A CA, or who poses as one. */
export interface Signer {
  readonly name: Buffer
  readonly keys: Keys
  readonly keyId: string
}

/** What a certificate consists of. An extension that is `undefined` is left out. */
interface Shape {
  readonly version: Buffer
  readonly serial: Buffer
  /** The algorithm that is signed, and the one beside the signature. */
  readonly inner: Buffer
  readonly outer: Buffer
  readonly hash: string
  readonly issuer: Buffer
  readonly validity: Buffer
  readonly subject: Buffer
  readonly spki: Buffer
  readonly afterKey: Buffer
  readonly basic: Buffer | undefined
  readonly usage: Buffer | undefined
  readonly extended: Buffer | undefined
  readonly names: Buffer | undefined
  readonly constraints: Buffer | undefined
  readonly subjectKey: Buffer | undefined
  readonly authorityKey: Buffer | undefined
  readonly more: Buffer
  /** Changes the signature after it was made. */
  readonly bend: (signature: Buffer) => Buffer
}
export type Changes = { readonly [Part in keyof Shape]?: Shape[Part] | undefined }

export const NOTHING: Buffer = Buffer.alloc(0)

/** A Name of one common name. PrintableString is 0x13. */
export function nameOf(text: string, tag: number = TAG.utf8String): Buffer {
  const value = writeDer(tag, Buffer.from(text, 'utf8'))
  const attribute = writeDer(TAG.sequence, writeOid(OID.commonName), value)
  return writeDer(TAG.sequence, writeDer(TAG.set, attribute))
}

export function validity(notBefore: number, notAfter: number): Buffer {
  return writeDer(TAG.sequence, writeTime(notBefore), writeTime(notAfter))
}

export function signerOf(name: string, keys: Keys): Signer {
  return { name: nameOf(name), keys, keyId: keyIdOf(keys.publicKey) }
}

/** A certificate below `by` in PEM: the usual one with `changes`. */
export function forge(by: Signer, usual: Changes, changes: Changes = {}): string {
  const { algorithm, hash } = signMethodOf(by.keys.privateKey)
  const shape = {
    version: writeDer(0xa0, writeInteger(Buffer.from([2]))),
    serial: writeSerial(newSerial()),
    ...{ inner: algorithm, outer: algorithm, hash, issuer: by.name },
    ...{ subject: nameOf('x'), spki: NOTHING, afterKey: NOTHING, more: NOTHING },
    authorityKey: write.authorityKeyIdentifier(by.keyId),
    bend: (signature: Buffer) => signature,
    ...usual,
    ...changes,
  } as Shape
  const { basic, usage, extended, names, constraints, subjectKey, authorityKey, more } = shape
  const extensions = [basic, usage, extended, names, constraints, subjectKey, authorityKey, more]
  const list = Buffer.concat(extensions.filter((extension) => extension !== undefined))
  const tbs = writeDer(
    TAG.sequence,
    ...[shape.version, shape.serial, shape.inner, shape.issuer, shape.validity],
    ...[shape.subject, shape.spki, shape.afterKey],
    list.length === 0 ? NOTHING : writeDer(0xa3, writeDer(TAG.sequence, list)),
  )
  const signature = shape.bend(sign(shape.hash, tbs, by.keys.privateKey))
  const der = writeDer(TAG.sequence, tbs, shape.outer, writeBitString(signature))
  return writePem(der, 'CERTIFICATE')
}

/** The parts that say whose key it is. */
export function keyParts(publicKey: KeyObject): Changes {
  return { spki: spkiOf(publicKey), subjectKey: write.subjectKeyIdentifier(keyIdOf(publicKey)) }
}

export function pemOf(keys: Keys): string {
  return keys.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
}

/** From a private JSON web key. */
export function keysOf(jwk: JsonWebKey): Keys {
  const privateKey = createPrivateKey({ key: jwk, format: 'jwk' })
  return { privateKey, publicKey: createPublicKey(privateKey) }
}
