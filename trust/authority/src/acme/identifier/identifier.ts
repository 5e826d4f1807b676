import { isIP } from 'node:net'
import { domainToASCII, domainToUnicode } from 'node:url'
import { LABEL_CHARS_MAX, NAME_CHARS_MAX } from '../limits.ts'
import { mixesScripts } from './scripts.ts'

/*
 * What an order may ask for (RFC 8555, 7.1.4), and in which one spelling we keep it:
 *
 * - only type `dns`; addresses (RFC 8738) are not issued for
 * - ASCII without blanks and controls, at most 253 characters, no dot at the end
 * - in lower case, whatever came
 * - labels of 1 to 63 of a-z, 0-9 and inner hyphens: no `_`, no `%`
 * - no address, and nothing that some software reads as one: the last label is not a number
 * - hyphens in third and fourth place only in `xn--` labels, which must be the one encoding of what they decode to, and
 *   whose letters must be of one script (of those that are written together: Japanese, Korean, Bopomofo)
 * - `*.` at most once, in front of at least two labels
 *
 * Left out: the list of public suffixes (so `*.co.uk` passes: the operator's list of names is there for that), and
 * letters of one whole script that look like those of another.
 */
export type IdentifierVerdict =
  | { readonly ok: true; readonly name: string }
  | {
      readonly ok: false
      readonly type: 'rejectedIdentifier' | 'unsupportedIdentifier'
      readonly why: string
    }

const LABEL = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/
/** Decimal, octal and hexadecimal, as `inet_aton` takes them. */
const NUMBER = /^(?:[0-9]+|0x[0-9a-f]*)$/

/** Reads an identifier as it came. */
export function readIdentifier(type: string, value: string): IdentifierVerdict {
  if (type !== 'dns') {
    return { ok: false, type: 'unsupportedIdentifier', why: 'only names (dns) are issued for' }
  }
  const name = value.toLowerCase()
  const why = faultOf(name)
  return why === undefined ? { ok: true, name } : { ok: false, type: 'rejectedIdentifier', why }
}

function faultOf(name: string): string | undefined {
  if (name.length === 0 || name.length > NAME_CHARS_MAX) return 'it has not 1 to 253 characters'
  if (/[^\x21-\x7e]/.test(name)) return 'it has characters that are not printable ASCII'
  const wildcard = isWildcard(name)
  const base = baseOf(name)
  if (base.includes('*')) return 'a wildcard stands only once and in front'
  if (isIP(base) !== 0) return 'it is an address'
  const labels = base.split('.')
  if (wildcard && labels.length < 2) return 'a wildcard needs at least two labels below it'
  for (const label of labels) {
    const fault = labelFault(label)
    if (fault !== undefined) return fault
  }
  return NUMBER.test(labels.at(-1) ?? '') ? 'it could be read as an address' : undefined
}

function labelFault(label: string): string | undefined {
  if (label === '') return 'a label is empty'
  if (label.length > LABEL_CHARS_MAX) return 'a label has more than 63 characters'
  if (!LABEL.test(label)) return 'a label has other than letters, digits and inner hyphens'
  if (label.slice(2, 4) !== '--') return undefined
  if (!label.startsWith('xn--')) return 'a label has hyphens in third and fourth place'
  const decoded = domainToUnicode(label)
  // Empty where it does not decode; itself where it decodes to what needs no encoding.
  if (decoded === '' || decoded === label) return 'an internationalised label does not decode'
  if (domainToASCII(decoded) !== label) return 'an internationalised label has another spelling'
  return mixesScripts(decoded) ? 'a label mixes scripts' : undefined
}

export function isWildcard(name: string): boolean {
  return name.startsWith('*.')
}
/** The name without the wildcard in front. */
export function baseOf(name: string): string {
  return isWildcard(name) ? name.slice(2) : name
}
