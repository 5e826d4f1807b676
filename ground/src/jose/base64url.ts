/*
 * base64url after RFC 4648 section 5 as RFC 7515 section 2 uses it, in its one canonical form:
 *
 * - only A-Z a-z 0-9 - _ ; no padding, no white space
 * - no length that no bytes have (4n + 1)
 * - the bits left over in the last character are zero
 *
 * So two different texts never mean the same bytes, and a cache or a deny list keyed by text cannot be dodged.
 */
const ALPHABET = /^[A-Za-z0-9_-]*$/
// Last characters whose unused low bits are zero: four of them after 4n + 2 characters, two after 4n + 3.
const ENDS_OF_ONE_BYTE = 'AQgw'
const ENDS_OF_TWO_BYTES = 'AEIMQUYcgkosw048'

/** Whether `text` is canonical base64url. The empty text is. */
export function isBase64url(text: string): boolean {
  if (!ALPHABET.test(text)) return false
  switch (text.length % 4) {
    case 0:
      return true
    case 2:
      return ENDS_OF_ONE_BYTE.includes(text.charAt(text.length - 1))
    case 3:
      return ENDS_OF_TWO_BYTES.includes(text.charAt(text.length - 1))
    default:
      return false
  }
}

/** The bytes of canonical base64url; `undefined` for any other text. */
export function decodeBase64url(text: string): Buffer | undefined {
  return isBase64url(text) ? Buffer.from(text, 'base64url') : undefined
}
