import { randomBytes } from 'node:crypto'
import { type Der, TAG } from './der.ts'
import { malformed } from './errors.ts'
import { SERIAL_BYTES, SERIAL_BYTES_MAX } from './limits.ts'
import { writeInteger } from './write-der.ts'

/*
 * A serial is written everywhere in one way: lower case hex without leading zeros. Ours have no zero at their top, not
 * even in half an octet: whoever prints them with leading zeros, and whoever without, prints the same.
 */
const SERIAL = /^[1-9a-f][0-9a-f]{0,39}$/

/** A new serial of 128 random bits, from the first 15/16 of them that start with no zero. */
export function newSerial(): string {
  for (;;) {
    const octets = randomBytes(SERIAL_BYTES)
    if ((octets[0] ?? 0) >= 0x10) return octets.toString('hex')
  }
}

/** The INTEGER that a serial stands for. Throws `TypeError` for what is no serial (RFC 5280, 4.1.2.2). */
export function writeSerial(serial: string): Buffer {
  const hex = serial.length % 2 === 0 ? serial : `0${serial}`
  const der = SERIAL.test(serial) ? writeInteger(Buffer.from(hex, 'hex')) : undefined
  if (der === undefined || der.length > SERIAL_BYTES_MAX + 2) {
    throw new TypeError(`not a serial: ${JSON.stringify(serial.slice(0, 64))}`)
  }
  return der
}

/** The serial that an INTEGER stands for: positive, of at most 20 octets. Throws `X509Error` MALFORMED. */
export function readSerial(der: Der): string {
  if (der.tag !== TAG.integer) throw malformed('a serial is not an integer')
  const { value } = der
  const [first = 0x80, second = 0] = value
  if (!(value.length <= SERIAL_BYTES_MAX)) throw malformed('a serial has more than 20 octets')
  if (first >= 0x80) throw malformed('a serial is negative')
  if (first === 0 && second < 0x80) throw malformed('a serial is zero or not in its shortest form')
  return value.toString('hex').replace(/^0+/, '')
}
