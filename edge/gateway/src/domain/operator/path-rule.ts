import { canonicalPath } from '@countersign/ground/http1'
import { RE2JS } from 're2js'

/*
 * A path of a Kong route.
 *
 * - plain: a prefix of whole segments. Kong compares texts, so that `/orders` matches `/ordersX` there; here it does not
 *   (decision 0014). A prefix that ends with a slash needs something below it, or that slash
 * - `~`: a regular expression, anchored at the start as in Kong, which ends where a segment ends. RE2: linear time,
 *   whatever is sent
 */
export type PathRule = PrefixRule | RegexRule
interface PrefixRule {
  readonly kind: 'prefix'
  /** Canonical. */
  readonly prefix: string
}
interface RegexRule {
  readonly kind: 'regex'
  readonly source: string
  /** What it takes of a canonical path; `undefined` where it does not match. */
  match(path: string): RegexMatch | undefined
}
interface RegexMatch {
  /** Characters of the path that were matched. */
  readonly cut: number
  readonly captures: Captures
}
/** By name and by number, from 1. Without a prototype. */
export type Captures = Readonly<Record<string, string>>
export const NO_CAPTURES: Captures = Object.freeze(Object.create(null) as Record<string, string>)

const SOURCE_CHARS_MAX = 1_024
const SLASH = 0x2f

/** Reads a path of a route; a text says what is wrong with it. */
export function parsePathRule(text: string): PathRule | string {
  if (text.startsWith('~')) return parseRegex(text.slice(1))
  const canonical = canonicalPath(text)
  if (!canonical.ok) return canonical.rule
  if (text.includes('?')) return 'a path has no query'
  return { kind: 'prefix', prefix: canonical.path }
}

function parseRegex(source: string): RegexRule | string {
  if (source.length > SOURCE_CHARS_MAX)
    return `the expression is longer than ${SOURCE_CHARS_MAX} characters`
  const prefix = plainPrefix(source)
  try {
    const open = RE2JS.compile(`^(?:${source})`)
    // The way out where the first match ends inside a segment and a longer one would not.
    const whole = RE2JS.compile(`^(${source})(?:/[^\\x00]*)?$`)
    // Most requests are told apart by the plain text that an expression begins with.
    const match = (path: string): RegexMatch | undefined =>
      path.startsWith(prefix) ? matchRegex(open, whole, path) : undefined
    return { kind: 'regex', source, match }
  } catch (error) {
    return `not an expression of RE2: ${error instanceof Error ? error.message : 'unknown'}`
  }
}

/** The text that everything begins with which the expression matches; empty where that is not plain to see. */
export function plainPrefix(source: string): string {
  let depth = 0
  if (source.includes('\\Q')) return ''
  for (let i = 0; i < source.length; i++) {
    const each = source[i]
    // What is in brackets could be read wrongly here: then nothing is plain.
    if (each === '|' && depth === 0) return ''
    if (each === '\\') i++
    else if (each === '(') depth++
    else if (each === ')') depth--
    else if (each === '[' && /[()|]/.test(source)) return ''
  }
  const [plain = ''] = /^[A-Za-z0-9/_-]*/.exec(source) ?? []
  // What follows may say that the last character need not be there.
  return /[?*{]/.test(source[plain.length] ?? '') ? plain.slice(0, -1) : plain
}

function matchRegex(open: RE2JS, whole: RE2JS, path: string): RegexMatch | undefined {
  const first = open.matcher(path)
  if (!first.lookingAt()) return undefined
  const end = first.end()
  if (endsSegment(path, end)) return { cut: end, captures: capturesOf(first, 0) }
  const second = whole.matcher(path)
  if (!second.matches()) return undefined
  return { cut: second.end(1), captures: capturesOf(second, 1) }
}

function endsSegment(path: string, end: number): boolean {
  if (end === path.length || path.charCodeAt(end) === SLASH) return true
  return end > 0 && path.charCodeAt(end - 1) === SLASH
}

/** `before`: groups of ours that come before those of the expression. */
function capturesOf(matcher: ReturnType<RE2JS['matcher']>, before: number): Captures {
  const count = matcher.groupCount() - before
  if (count === 0) return NO_CAPTURES
  const captures = Object.create(null) as Record<string, string>
  for (let i = 1; i <= count; i++) {
    const value = matcher.group(i + before)
    if (value !== null) captures[String(i)] = value
  }
  const named = matcher.getNamedGroups()
  for (const name of Object.keys(named)) {
    const value = named[name]
    if (value !== null && value !== undefined) captures[name] = value
  }
  return captures
}
