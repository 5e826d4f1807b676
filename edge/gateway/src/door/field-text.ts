/* What may be in a name and in a value (RFC 9110 sections 5.1 and 5.5; RFC 9113 section 8.2.1). */

const LOWER_TOKEN = new Uint8Array(256)
for (const each of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
  LOWER_TOKEN[each.charCodeAt(0)] = 1

/** A token without capitals. */
export function isLowerToken(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (LOWER_TOKEN[text.charCodeAt(i)] !== 1) return false
  return text.length > 0
}

/** Latin1 without control characters, but tabs. */
export function isFieldText(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if ((code < 0x20 && code !== 0x09) || code === 0x7f || code > 0xff) return false
  }
  return true
}

/** No white space at either end. */
export function isTrimmed(text: string): boolean {
  return !isBlank(text.charCodeAt(0)) && !isBlank(text.charCodeAt(text.length - 1))
}
const isBlank = (code: number): boolean => code === 0x20 || code === 0x09

/** Latin1 without white space and control characters. */
export function isSolid(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code <= 0x20 || code === 0x7f || code > 0xff) return false
  }
  return text.length > 0
}
