import type { FlatHeaders } from '@countersign/ground/http1'
import { RE2JS } from 're2js'

/**
 * A header of a Kong route: one of its values, whatever their case; or, where there is one value and it begins with `~*`,
 * a regular expression found somewhere in the value (RE2, whatever the case).
 */
export interface HeaderRule {
  /** In lower case. */
  readonly name: string
  readonly values: ReadonlySet<string>
  readonly pattern: RE2JS | undefined
}

/** Reads one header of a route; a text says what is wrong with it. */
export function parseHeaderRule(name: string, values: readonly string[]): HeaderRule | string {
  const [first = ''] = values
  const lower = name.toLowerCase()
  if (values.length !== 1 || !first.startsWith('~*')) {
    const set = new Set(values.map((value) => value.toLowerCase()))
    return { name: lower, values: set, pattern: undefined }
  }
  try {
    const pattern = RE2JS.compile(first.slice(2), RE2JS.CASE_INSENSITIVE)
    return { name: lower, values: new Set(), pattern }
  } catch (error) {
    return `not an expression of RE2: ${error instanceof Error ? error.message : 'unknown'}`
  }
}

/** Whether each of the headers is there with a value that is asked for. */
export function matchHeaders(rules: readonly HeaderRule[], headers: FlatHeaders): boolean {
  for (const rule of rules) if (!matchHeader(rule, headers)) return false
  return true
}

function matchHeader({ name, values, pattern }: HeaderRule, headers: FlatHeaders): boolean {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const given = headers[i] ?? ''
    if (given.length !== name.length || given.toLowerCase() !== name) continue
    const value = headers[i + 1] ?? ''
    if (pattern === undefined ? values.has(value.toLowerCase()) : pattern.matcher(value).find())
      return true
  }
  return false
}
