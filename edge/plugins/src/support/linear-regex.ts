import { RE2JS } from 're2js'

/*
 * Regular expressions of operators, in time that grows with the text and never with its square (RE2). They have no
 * back references and no look around: such a pattern is a mistake in the configuration.
 */
export interface LinearRegex {
  /** Whether it matches all of the text. */
  matches(text: string): boolean
  /** Whether it matches anywhere in the text. */
  finds(text: string): boolean
}

/** Throws for what is no pattern. */
export function linearRegex(
  pattern: string,
  options: { readonly ignoreCase?: boolean } = {},
): LinearRegex {
  const regex = RE2JS.compile(pattern, options.ignoreCase === true ? RE2JS.CASE_INSENSITIVE : 0)
  return {
    matches: (text) => regex.matches(text),
    finds: (text) => regex.matcher(text).find(),
  }
}

export function isRegex(pattern: string): boolean {
  try {
    RE2JS.compile(pattern)
    return true
  } catch {
    return false
  }
}
