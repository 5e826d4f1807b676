import { TAG } from './der.ts'

/*
 * A writer of DER (X.690). What it is given comes from our own code: a mistake there is a `TypeError`, and nothing that
 * a stranger sends can cause one.
 */

/** Writes one value: tag, length in its shortest form, contents. */
export function writeDer(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  let length = 0
  for (const part of contents) length += part.length
  const header = length < 0x80 ? 2 : length < 0x100 ? 3 : length < 0x1_0000 ? 4 : 5
  if (!(length < 0x100_0000)) throw new TypeError('the ASN.1 value is too long')
  const der = Buffer.allocUnsafe(header + length)
  der[0] = tag
  if (header === 2) der[1] = length
  else {
    der[1] = 0x80 + header - 2
    der.writeUIntBE(length, 2, header - 2)
  }
  let at = header
  for (const part of contents) {
    der.set(part, at)
    at += part.length
  }
  return der
}

/** An OBJECT IDENTIFIER by the hex of its encoding. */
export function writeOid(hex: string): Buffer {
  return writeDer(TAG.oid, Buffer.from(hex, 'hex'))
}

/** A BOOLEAN that is true. One that is false is written by leaving it out. */
export const TRUE: Buffer = writeDer(TAG.boolean, Buffer.from([0xff]))
export const NULL: Buffer = writeDer(TAG.null)

/** An INTEGER that is not negative, from its octets: in its shortest form, with a zero where the top bit is set. */
export function writeInteger(magnitude: Uint8Array): Buffer {
  let start = 0
  while (start < magnitude.length - 1 && magnitude[start] === 0) start++
  const octets = magnitude.subarray(start)
  const top = octets[0]
  if (top === undefined) return writeDer(TAG.integer, Buffer.from([0]))
  return top < 0x80
    ? writeDer(TAG.integer, octets)
    : writeDer(TAG.integer, Buffer.from([0]), octets)
}

/** An INTEGER from a bigint that is not negative. */
export function writeBigInteger(value: bigint): Buffer {
  if (!(value >= 0n)) throw new TypeError('an integer is negative')
  const hex = value.toString(16)
  return writeInteger(Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex'))
}

/** A BIT STRING of whole octets. */
export function writeBitString(octets: Uint8Array): Buffer {
  return writeDer(TAG.bitString, Buffer.from([0]), octets)
}

const YEAR_2050 = Date.UTC(2050, 0)
const YEAR_10000 = Date.UTC(10_000, 0)

/**
 * A moment in milliseconds since 1970, rounded down to a second, as certificates and CRLs write it: UTCTime until
 * 2049, GeneralizedTime from then on (RFC 5280, 4.1.2.5). Throws `TypeError` for what is neither.
 */
export function writeTime(ms: number): Buffer {
  if (!(ms < YEAR_2050)) return writeGeneralizedTime(ms)
  return writeDer(TAG.utcTime, Buffer.from(digits(ms).slice(2), 'latin1'))
}

/** A moment as OCSP writes it (RFC 6960, 4.2.2.1). Throws `TypeError`. */
export function writeGeneralizedTime(ms: number): Buffer {
  return writeDer(TAG.generalizedTime, Buffer.from(digits(ms), 'latin1'))
}

/** `20260131235959Z` */
function digits(ms: number): string {
  if (!(ms >= 0 && ms < YEAR_10000)) throw new TypeError(`not a time of a certificate: ${ms}`)
  return `${new Date(ms).toISOString().slice(0, 19).replaceAll(/[-:T]/g, '')}Z`
}
