import { isUtf8 } from 'node:buffer'
import { JSON_DEPTH_MAX } from './limits.ts'

/*
 * JSON objects that mean the same to every reader (RFC 8725 section 2.4 and RFC 7519 section 4 warn of the others):
 *
 * - well-formed UTF-8, without a byte order mark
 * - one JSON object, and nothing after it
 * - no member name twice in an object, at any depth, however it is escaped
 * - no member called `__proto__`
 * - not nested deeper than JSON_DEPTH_MAX
 */

/** A parsed object with the names that the sender chose. Ask only for own properties that you know. */
export type JsonObject = Readonly<Record<string, unknown>>

/** Reads one JSON object from bytes by the rules above; `undefined` where one of them is broken. */
export function parseJsonObject(bytes: Buffer): JsonObject | undefined {
  if (!isUtf8(bytes)) return undefined
  const text = bytes.toString('utf8')
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
    return hasPlainMembers(text) ? (value as JsonObject) : undefined
  } catch {
    return undefined
  }
}

/** `text` is valid JSON already, so that the places of names follow from brackets and commas alone. */
function hasPlainMembers(text: string): boolean {
  const open: (Set<string> | undefined)[] = []
  let nameComes = false
  for (let at = 0; at < text.length; at++) {
    const sign = text.charCodeAt(at)
    if (sign === QUOTE) {
      const end = endOfString(text, at)
      if (nameComes && !isNewName(open.at(-1), text.slice(at, end + 1))) return false
      nameComes = false
      at = end
    } else if (sign === BRACE || sign === BRACKET) {
      if (open.push(sign === BRACE ? new Set() : undefined) > JSON_DEPTH_MAX) return false
      nameComes = sign === BRACE
    } else if (sign === BRACE_END || sign === BRACKET_END) {
      open.pop()
      nameComes = false
    } else if (sign === COMMA) nameComes = open.at(-1) !== undefined
  }
  return true
}
const QUOTE = 0x22
const COMMA = 0x2c
const BRACKET = 0x5b
const BACKSLASH = 0x5c
const BRACKET_END = 0x5d
const BRACE = 0x7b
const BRACE_END = 0x7d

function endOfString(text: string, start: number): number {
  let at = text.indexOf('"', start + 1)
  // Behind an odd number of backslashes it is part of the string.
  while (isEscaped(text, at)) at = text.indexOf('"', at + 1)
  return at
}
function isEscaped(text: string, quote: number): boolean {
  let at = quote
  while (text.charCodeAt(at - 1) === BACKSLASH) at--
  return (quote - at) % 2 === 1
}

function isNewName(names: Set<string> | undefined, quoted: string): boolean {
  const name = quoted.includes('\\') ? String(JSON.parse(quoted)) : quoted.slice(1, -1)
  if (names === undefined || names.has(name) || name === '__proto__') return false
  names.add(name)
  return true
}
