import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { writePem } from '@countersign/ground/x509'

/*
 * Certificate requests as no honest workload sends them, written octet by octet: what is to be refused has to be asked
 * for first.
 */
export interface HostileCsr {
  readonly uris?: readonly string[]
  readonly dns?: readonly string[]
  /** Octets in hex. */
  readonly ips?: readonly string[]
  readonly emails?: readonly string[]
  readonly commonName?: string
  readonly ca?: boolean
  readonly keyCertSign?: boolean
  /** OIDs in hex. */
  readonly usages?: readonly string[]
  /** Further extensions by OID, critical, with an octet or two in them. */
  readonly extensions?: readonly string[]
  readonly twice?: boolean
  readonly attributes?: readonly string[]
  readonly key?: KeyObject
  /** In place of the key's own, for keys that nobody can make. */
  readonly spki?: Buffer
  readonly hash?: 'sha1' | 'md5' | 'sha256'
  /** Signs in place of the key that the request is for. */
  readonly signedBy?: KeyObject
  /** Changes the request after it was signed. */
  readonly spoil?: (der: Buffer) => Buffer
}

const OID = {
  commonName: '550403',
  subjectAltName: '551d11',
  basicConstraints: '551d13',
  keyUsage: '551d0f',
  extKeyUsage: '551d25',
  extensionRequest: '2a864886f70d01090e',
}
const SIGNATURES: Readonly<Record<string, string>> = {
  'ec sha256': '2a8648ce3d040302',
  'ec sha1': '2a8648ce3d0401',
  'rsa sha256': '2a864886f70d01010b',
  'rsa sha1': '2a864886f70d010105',
  'rsa md5': '2a864886f70d010104',
}

/** One DER value. */
function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const value = Buffer.concat(contents)
  const { length } = value
  const octets =
    length < 0x80
      ? [length]
      : length < 0x100
        ? [0x81, length]
        : length < 0x1_0000
          ? [0x82, length >> 8, length & 0xff]
          : [0x83, length >> 16, (length >> 8) & 0xff, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...octets]), value])
}
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'))
const text = (tag: number, value: string): Buffer => der(tag, Buffer.from(value, 'latin1'))
const TRUE = der(0x01, Buffer.from([0xff]))
const extension = (type: string, value: Buffer): Buffer =>
  der(0x30, oid(type), TRUE, der(0x04, value))

/** A request in PEM. For a new P-256 key where nothing is said. */
export function hostileCsr(wanted: HostileCsr): string {
  const key = wanted.key ?? generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey
  const spki = wanted.spki ?? createPublicKey(key).export({ format: 'der', type: 'spki' })
  const info = der(0x30, der(0x02, Buffer.from([0])), subject(wanted), spki, attributes(wanted))
  const signer = wanted.signedBy ?? key
  const hash = wanted.hash ?? 'sha256'
  const method = SIGNATURES[`${signer.asymmetricKeyType} ${hash}`] ?? '2b6570'
  const signature = sign(signer.asymmetricKeyType === 'ed25519' ? null : hash, info, signer)
  const signed = der(0x30, info, der(0x30, oid(method)), der(0x03, Buffer.from([0]), signature))
  return writePem(wanted.spoil?.(signed) ?? signed, 'CERTIFICATE REQUEST')
}

function subject({ commonName }: HostileCsr): Buffer {
  if (commonName === undefined) return der(0x30)
  return der(0x30, der(0x31, der(0x30, oid(OID.commonName), text(0x0c, commonName))))
}

function attributes(wanted: HostileCsr): Buffer {
  const request = der(0x30, oid(OID.extensionRequest), der(0x31, der(0x30, ...extensions(wanted))))
  const others = (wanted.attributes ?? []).map((type) =>
    der(0x30, oid(type), der(0x31, text(0x0c, 'x'))),
  )
  return der(0xa0, request, ...others)
}

function extensions(wanted: HostileCsr): Buffer[] {
  const { uris = [], dns = [], ips = [], emails = [], usages } = wanted
  const names = [
    ...emails.map((name) => text(0x81, name)),
    ...dns.map((name) => text(0x82, name)),
    ...uris.map((name) => text(0x86, name)),
    ...ips.map((name) => der(0x87, Buffer.from(name, 'hex'))),
  ]
  const san = extension(OID.subjectAltName, der(0x30, ...names))
  const usage = der(0x03, Buffer.from([2, 0x04]))
  return [
    ...(names.length === 0 ? [] : [san]),
    ...(wanted.twice === true ? [san] : []),
    ...(wanted.ca === true ? [extension(OID.basicConstraints, der(0x30, TRUE))] : []),
    ...(wanted.keyCertSign === true ? [extension(OID.keyUsage, usage)] : []),
    ...(usages === undefined ? [] : [extension(OID.extKeyUsage, der(0x30, ...usages.map(oid)))]),
    ...(wanted.extensions ?? []).map((type) => extension(type, der(0x30))),
  ]
}

/** The SubjectPublicKeyInfo of an RSA key that has this modulus. */
export function rsaSpki(modulus: bigint, exponent = 65_537n): Buffer {
  const integer = (value: bigint): Buffer => {
    const hex = value.toString(16)
    const octets = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
    return (octets[0] ?? 0) < 0x80 ? der(0x02, octets) : der(0x02, Buffer.from([0]), octets)
  }
  const key = der(0x30, integer(modulus), integer(exponent))
  const algorithm = der(0x30, oid('2a864886f70d010101'), der(0x05))
  return der(0x30, algorithm, der(0x03, Buffer.from([0]), key))
}

/** The SubjectPublicKeyInfo of an EC key, with whatever stands for its curve. */
export function ecSpki(curve: Buffer, point: Buffer): Buffer {
  const algorithm = der(0x30, oid('2a8648ce3d0201'), curve)
  return der(0x30, algorithm, der(0x03, Buffer.from([0]), point))
}
export const namedCurve = oid
