import { IS_TOKEN, IS_VALUE } from './characters.ts'
import type { FlatHeaders } from './message.ts'
import { nodeHttp } from './node-http.ts'

/*
 * Heads as text, to be written as latin1. Each name and value is looked at, whoever gave it: none of them can end a line
 * and begin another.
 */
const STATUS_LINES: readonly string[] = Array.from(
  { length: 1_000 },
  (_, status) => `HTTP/1.1 ${status} ${nodeHttp.STATUS_CODES[status] ?? ''}\r\n`,
)

/**
 * The head of an answer. `tail`: lines of the caller's own with the empty line that ends the head, written as they are.
 * Throws `TypeError` for a header that is none and a status outside of 100 to 999.
 */
export function responseHeadText(status: number, headers: FlatHeaders, tail: string): string {
  return responseHeadOf(status, fieldsText(headers), tail)
}

/** The same with fields that are lines already, each with its CR LF, and known to be good. */
export function responseHeadOf(status: number, lines: string, tail: string): string {
  const line = status >= 100 ? STATUS_LINES[status] : undefined
  if (line === undefined) throw new TypeError(`${status} is no status`)
  return line + lines + tail
}

/** The head of a request, as `responseHeadText`. Method and target: no white space, no control character. */
export function requestHeadText(
  method: string,
  target: string,
  headers: FlatHeaders,
  tail: string,
): string {
  if (!isVisible(method) || !isVisible(target)) throw new TypeError('this is no request line')
  return `${method} ${target} HTTP/1.1\r\n${fieldsText(headers)}${tail}`
}

/** Fields as lines, each with its CR LF. Throws `TypeError` for a header that is none. */
export function fieldsText(headers: FlatHeaders): string {
  let text = ''
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? ''
    const value = headers[i + 1] ?? ''
    if (!isName(name)) throw new TypeError('the name of a header is no token')
    if (!isValue(value)) throw new TypeError(`the value of ${name} cannot be written`)
    text += `${name}: ${value}\r\n`
  }
  return text
}

function isName(name: string): boolean {
  for (let i = 0; i < name.length; i++) if (IS_TOKEN[name.charCodeAt(i)] !== 1) return false
  return name.length > 0
}
/** What is beyond latin1 is in no table, so it is refused: cut to one octet, it could be a line feed. */
function isValue(value: string): boolean {
  for (let i = 0; i < value.length; i++) if (IS_VALUE[value.charCodeAt(i)] !== 1) return false
  return true
}
function isVisible(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code <= 0x20 || code >= 0x7f) return false
  }
  return text.length > 0
}
