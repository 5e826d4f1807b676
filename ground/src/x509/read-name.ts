import { isUtf8 } from 'node:buffer'
import { childAt, type Der, readChildren, readDer, TAG } from './der.ts'
import { malformed } from './errors.ts'

/*
 * Names of subjects and issuers (RFC 5280, 4.1.2.4), from their DER: texts that others have made of them can be read in
 * two ways. A value in an encoding that is not known, or with control characters, is no text: it is left out of what
 * is compared, and written as hex.
 */
interface NameAttribute {
  /** In dots, as in `2.5.4.3`. */
  readonly type: string
  /** `undefined` where it is no text that can be compared. */
  readonly text: string | undefined
  /** The value in DER. */
  readonly raw: Buffer
}

/** The attributes of a Name, in their order, those of one relative name together. Throws `X509Error` MALFORMED. */
function readName(der: Buffer): readonly (readonly NameAttribute[])[] {
  return readChildren(readDer(der, TAG.sequence)).map((relative) => {
    if (relative.tag !== TAG.set) throw malformed('a name is malformed')
    return readChildren(relative).map(readAttribute)
  })
}

function readAttribute(attribute: Der): NameAttribute {
  const [type, value, ...more] = readChildren(attribute)
  if (type === undefined || value === undefined || more.length > 0)
    throw malformed('an attribute of a name is malformed')
  const oid = childAt([type], 0, TAG.oid).value
  return { type: dotted(oid), text: readText(value), raw: value.raw }
}

const ASCII_STRINGS: readonly number[] = [0x13, 0x16]

function readText({ tag, value }: Der): string | undefined {
  const isText =
    tag === TAG.utf8String
      ? isUtf8(value)
      : ASCII_STRINGS.includes(tag) && value.every((octet) => octet < 0x80)
  const text = isText ? value.toString('utf8') : ''
  return text === '' || /\p{Cc}/u.test(text) ? undefined : text
}

function dotted(oid: Buffer): string {
  const numbers: number[] = []
  let number = 0
  for (const octet of oid) {
    number = number * 128 + (octet & 0x7f)
    if (!Number.isSafeInteger(number)) throw malformed('an object identifier is too long')
    if (octet >= 0x80) continue
    numbers.push(number)
    number = 0
  }
  const [first = 0, ...rest] = numbers
  const top = Math.min(Math.floor(first / 40), 2)
  return [top, first - top * 40, ...rest].join('.')
}

const COMMON_NAME = '2.5.4.3'

/** The common name; `undefined` where there is none, several, or one that is no text. */
export function commonNameOf(subject: Buffer): string | undefined {
  const names = readName(subject)
    .flat()
    .filter(({ type }) => type === COMMON_NAME)
  return names.length === 1 ? names[0]?.text : undefined
}

/** RFC 4514 section 3: the types that have a name of their own. */
const TYPES: ReadonlyMap<string, string> = new Map([
  [COMMON_NAME, 'CN'],
  ['2.5.4.7', 'L'],
  ['2.5.4.8', 'ST'],
  ['2.5.4.10', 'O'],
  ['2.5.4.11', 'OU'],
  ['2.5.4.6', 'C'],
  ['2.5.4.9', 'STREET'],
  ['0.9.2342.19200300.100.1.25', 'DC'],
  ['0.9.2342.19200300.100.1.1', 'UID'],
])

/** A Name as a text (RFC 4514 section 2): the last relative name first, as in `CN=a,O=b`. Two names never have one text. */
export function formatName(der: Buffer): string {
  return readName(der)
    .toReversed()
    .map((relative) => relative.map(formatAttribute).join('+'))
    .join(',')
}

function formatAttribute({ type, text, raw }: NameAttribute): string {
  const name = TYPES.get(type)
  if (name === undefined || text === undefined) return `${name ?? type}=#${raw.toString('hex')}`
  const escaped = text.replaceAll(/["+,;<=>\\]/g, '\\$&').replace(/^[ #]/, '\\$&')
  return `${name}=${escaped.replace(/ $/, '\\ ')}`
}
