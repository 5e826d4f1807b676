import { malformed } from './errors.ts'
import { DER_BYTES_MAX, DER_CHILDREN_MAX } from './limits.ts'

/*
 * A reader of DER (X.690), as much of it as certificates need. The bytes come from strangers:
 *
 * - lengths are definite, in their shortest form, and end inside the value that holds them
 * - tags have one octet
 * - a value is read whole: nothing may follow it
 * - how many values one holds is bounded, and depth is what the caller walks: nothing here recurses
 */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

export interface Der {
  readonly tag: number
  /** The contents, without tag and length. */
  readonly value: Buffer
  /** Tag, length and contents. */
  readonly raw: Buffer
}

/** Reads exactly one value, of at most `bytesMax`. Throws `X509Error` MALFORMED. */
export function readDer(bytes: Buffer, tag?: number, bytesMax: number = DER_BYTES_MAX): Der {
  if (!(bytes.length <= bytesMax)) throw malformed('the ASN.1 value is too long')
  const read = readAt(bytes, 0)
  if (read.raw.length !== bytes.length) throw malformed('bytes follow the ASN.1 value')
  return tag === undefined ? read : expectTag(read, tag)
}

/** The values inside a constructed one, in their order; at most `max` of them. */
export function readChildren(parent: Der, max: number = DER_CHILDREN_MAX): Der[] {
  if ((parent.tag & 0x20) === 0) throw malformed('an ASN.1 value is not constructed')
  const children: Der[] = []
  for (let at = 0; at < parent.value.length; ) {
    if (children.length === max) throw malformed('an ASN.1 value holds too many others')
    const child = readAt(parent.value, at)
    children.push(child)
    at += child.raw.length
  }
  return children
}

/** The value at `index`, which has to be of this kind. */
export function childAt(children: readonly Der[], index: number, tag: number): Der {
  const child = children[index]
  if (child === undefined) throw malformed('an ASN.1 value is missing')
  return expectTag(child, tag)
}

function expectTag(der: Der, tag: number): Der {
  if (der.tag !== tag) throw malformed('an ASN.1 value has an unexpected tag')
  return der
}

function readAt(bytes: Buffer, at: number): Der {
  const tag = bytes[at]
  const first = bytes[at + 1]
  if (tag === undefined || first === undefined) throw malformed('the ASN.1 value ends early')
  if ((tag & 0x1f) === 0x1f) throw malformed('an ASN.1 tag is too long')
  const header = first < 0x80 ? 2 : 2 + (first & 0x7f)
  const length = first < 0x80 ? first : readLongLength(bytes, at + 2, first & 0x7f)
  const end = at + header + length
  if (!(end <= bytes.length)) throw malformed('the ASN.1 value ends early')
  return { tag, value: bytes.subarray(at + header, end), raw: bytes.subarray(at, end) }
}

function readLongLength(bytes: Buffer, at: number, octets: number): number {
  if (!(octets >= 1 && octets <= 3)) throw malformed('an ASN.1 length is not allowed')
  if (!(at + octets <= bytes.length)) throw malformed('the ASN.1 value ends early')
  const length = bytes.readUIntBE(at, octets)
  const shortest = octets === 1 ? length >= 0x80 : length >= 2 ** (8 * (octets - 1))
  if (!shortest) throw malformed('an ASN.1 length is not in its shortest form')
  return length
}

/** A BOOLEAN in DER is 00 or FF. */
export function readBoolean(der: Der): boolean {
  const value = expectTag(der, TAG.boolean).value
  if (value.length !== 1 || (value[0] !== 0 && value[0] !== 0xff)) {
    throw malformed('an ASN.1 boolean is neither true nor false')
  }
  return value[0] === 0xff
}

/** A small INTEGER that is not negative. */
export function readSmallInteger(der: Der): number {
  const value = expectTag(der, TAG.integer).value
  const [first] = value
  if (value.length !== 1 || first === undefined || first > 0x7f) {
    throw malformed('an ASN.1 integer is out of range')
  }
  return first
}

/** The bits of a BIT STRING, without the octet that counts unused ones; those have to be zero. */
export function readBits(der: Der): Buffer {
  const value = expectTag(der, TAG.bitString).value
  const unused = value[0]
  const last = value[value.length - 1]
  if (
    unused === undefined ||
    last === undefined ||
    unused > 7 ||
    (value.length === 1 && unused > 0)
  ) {
    throw malformed('an ASN.1 bit string is malformed')
  }
  if (value.length > 1 && (last & ((1 << unused) - 1)) !== 0) {
    throw malformed('an ASN.1 bit string has bits where there are none')
  }
  return value.subarray(1)
}
