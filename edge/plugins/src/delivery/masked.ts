import type { Directory, FlatHeaders } from '@countersign/kong'
import { HEADERS_MAX, TEXT_CHARS_MAX } from './limits.ts'

/*
 * What records show of headers and queries. Masked: what has the name of a secret, what has the form of a token, and
 * what is the key of a consumer, whatever it is called. Long texts are cut.
 */
const MASK = 'REDACTED'

const SECRET_NAME =
  /authori[sz]ation|cookie|token|secret|passw|pwd|api[-_]?key|^x?-?key$|credential|session|signature|^sig$|^jwt$|^code$|otp/i
const TOKEN = /^(?:bearer|basic|dpop|digest)\s|^ey[\w-]+\.[\w-]+\./i
const KEY_CHARS_MIN = 8

export type Masker = (name: string, value: string) => string
export const masker =
  (directory: Directory): Masker =>
  (name, value) => {
    if (SECRET_NAME.test(name) || TOKEN.test(value)) return MASK
    const mayBeKey = value.length >= KEY_CHARS_MIN && value.length <= TEXT_CHARS_MAX
    if (mayBeKey && directory.keyAuth(value) !== undefined) return MASK
    return cut(value)
  }

/** At most TEXT_CHARS_MAX characters, and it shows where there were more. */
export const cut = (text: string): string =>
  text.length <= TEXT_CHARS_MAX ? text : `${text.slice(0, TEXT_CHARS_MAX).toWellFormed()}…`

/** Headers as Kong's records have them: by name in lower case, a list where there are several. */
export function maskedHeaders(flat: FlatHeaders, mask: Masker): Record<string, string | string[]> {
  const shown = new Map<string, string | string[]>()
  for (let i = 0; i + 1 < flat.length && shown.size < HEADERS_MAX; i += 2)
    put(shown, (flat[i] ?? '').toLowerCase(), mask(flat[i] ?? '', flat[i + 1] ?? ''))
  return Object.fromEntries(shown)
}

/** A query, taken apart and together, with values masked. */
export function maskedQuery(
  query: string,
  mask: Masker,
): { readonly values: Record<string, string | string[]>; readonly text: string } {
  const values = new Map<string, string | string[]>()
  const parts: string[] = []
  for (const [name, value] of new URLSearchParams(query)) {
    if (parts.length >= HEADERS_MAX) break
    const shown = mask(name, value)
    put(values, cut(name), shown)
    parts.push(`${encodeURIComponent(cut(name))}=${encodeURIComponent(shown)}`)
  }
  return { values: Object.fromEntries(values), text: cut(parts.join('&')) }
}

function put(into: Map<string, string | string[]>, name: string, value: string): void {
  const known = into.get(name)
  if (known === undefined) into.set(name, value)
  else if (typeof known === 'string') into.set(name, [known, value])
  else if (known.length < HEADERS_MAX) known.push(value)
}
