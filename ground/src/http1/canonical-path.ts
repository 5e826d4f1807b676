/*
 * One path for routing, policy, limits, log and forwarding (RFC 3986, sections 3.3 and 6.2.2; RFC 9112, section 3.2.1).
 *
 * - the target is in origin form: it begins with one slash and has no fragment
 * - escapes are two hexadecimal digits; escaped unreserved characters are written plainly, others in upper case
 * - together the bytes are well-formed UTF-8 (which rules out overlong forms); raw bytes are visible ASCII
 * - no segment is empty (but the last may be), `.` or `..`, escaped or not
 * - what two programs could read differently is refused and never repaired: `%2f` `%5c` `%25` `;` `\` and escaped controls
 */
export type CanonicalPath =
  | { readonly ok: true; readonly path: string; readonly query: string }
  | { readonly ok: false; readonly rule: string }

/** Most paths have nothing to decide: no escape, no segment that begins with a dot. */
const PLAIN = /^(?:\/[A-Za-z0-9_~:@!$&'()*+,=-][A-Za-z0-9._~:@!$&'()*+,=-]*)*\/?$/
const RAW = /^[A-Za-z0-9._~:@!$&'()*+,=/%-]*$/
const QUERY = /^[\x21-\x22\x24-\x7e]*$/
const ESCAPE = /%([0-9A-Fa-f]{2})?/g
const UNRESERVED = /[A-Za-z0-9._~-]/
/** `/` `\` `%` `;` */
const AMBIGUOUS: ReadonlySet<number> = new Set([0x2f, 0x5c, 0x25, 0x3b])
const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Brings the target of a request into its one form, or says which rule it breaks. `query` is without its `?`. */
export function canonicalPath(target: string): CanonicalPath {
  const mark = target.indexOf('?')
  const raw = mark === -1 ? target : target.slice(0, mark)
  const query = mark === -1 ? '' : target.slice(mark + 1)
  if (!QUERY.test(query)) return refuse('the query holds characters that must be escaped')
  if (raw !== '' && PLAIN.test(raw)) return { ok: true, path: raw, query }
  if (!raw.startsWith('/')) return refuse('the target is not in origin form')
  if (raw.includes(';')) return refuse('";" in the path is ambiguous')
  if (raw.includes('\\')) return refuse('"\\" in the path is ambiguous')
  if (!RAW.test(raw)) return refuse('the path holds characters that must be escaped')
  const path = unescapeUnreserved(raw)
  if (path.startsWith('!')) return refuse(path.slice(1))
  if (path.includes('//')) return refuse('the path has an empty segment')
  if (/\/\.\.?(?:\/|$)/.test(path)) return refuse('the path has a "." or ".." segment')
  return { ok: true, path, query }
}

const refuse = (rule: string): CanonicalPath => ({ ok: false, rule })

/** A path begins with a slash; what begins with `!` is the rule that was broken. */
function unescapeUnreserved(raw: string): string {
  let broken = ''
  const path = raw.replace(ESCAPE, (_whole, hex: string | undefined) => {
    if (hex === undefined) {
      broken ||= '!an escape is not two hexadecimal digits'
      return ''
    }
    const byte = Number.parseInt(hex, 16)
    if (AMBIGUOUS.has(byte)) broken ||= `!"%${hex.toLowerCase()}" in the path is ambiguous`
    else if (byte < 0x20 || byte === 0x7f) broken ||= '!the path holds an escaped control character'
    const character = String.fromCharCode(byte)
    return UNRESERVED.test(character) ? character : `%${hex.toUpperCase()}`
  })
  return broken || (isUtf8(path) ? path : '!the escapes of the path are not UTF-8')
}

function isUtf8(path: string): boolean {
  const bytes = path.replace(ESCAPE, (_whole, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
  try {
    utf8.decode(Buffer.from(bytes, 'latin1'))
    return true
  } catch {
    return false
  }
}
