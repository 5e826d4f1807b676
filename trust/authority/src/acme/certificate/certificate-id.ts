import { decodeBase64url } from '@countersign/ground/jose'

/*
 * How a certificate is named without being shown (RFC 9773, 4.1): base64url of the keyIdentifier in its
 * authorityKeyIdentifier, a dot, base64url of the octets of its serial number as DER has them.
 */
export interface CertificateId {
  /** Key id of the issuer, lower case hex. */
  readonly issuer: string
  /** Lower case hex without leading zeros. */
  readonly serial: string
}

/** Reads an id; `undefined` for any other spelling. */
export function parseCertificateId(text: string): CertificateId | undefined {
  const [issuer, serial, ...others] = text.split('.').map(decodeBase64url)
  if (issuer === undefined || serial === undefined || others.length > 0) return undefined
  if (issuer.length === 0 || issuer.length > 64 || serial.length === 0 || serial.length > 21)
    return undefined
  const id = { issuer: issuer.toString('hex'), serial: serial.toString('hex').replace(/^0+/, '') }
  return writeCertificateId(id) === text ? id : undefined
}

export function writeCertificateId({ issuer, serial }: CertificateId): string {
  const even = serial.length % 2 === 0 ? serial : `0${serial}`
  const octets = Buffer.from(even, 'hex')
  // A first octet from 80 on would make the number negative: DER puts a zero in front.
  const der = (octets[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.alloc(1), octets]) : octets
  return `${Buffer.from(issuer, 'hex').toString('base64url')}.${der.toString('base64url')}`
}
