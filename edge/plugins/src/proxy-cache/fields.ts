import type { FlatHeaders } from '@countersign/kong'
import { SECONDS_MAX } from './limits.ts'

/* Reading of header fields that caches live by. What is written badly is read in the way that reuses less. */

/** All lines of a field as one value, RFC 9110 section 5.3; `name` in lower case. */
export function combined(headers: FlatHeaders, name: string): string | undefined {
  let value: string | undefined
  for (let i = 0; i + 1 < headers.length; i += 2)
    if (headers[i]?.toLowerCase() === name)
      value = value === undefined ? headers[i + 1] : `${value}, ${headers[i + 1]}`
  return value
}

/** Members of a list, in lower case. */
export const members = (value: string | undefined): string[] =>
  (value ?? '')
    .split(',')
    .map((member) => member.trim().toLowerCase())
    .filter((member) => member !== '')

/** Directives of Cache-Control: `true` for one without a value. */
export type Directives = ReadonlyMap<string, string | true>

const DIRECTIVE = /[\s,=;"]*([^\s,=;"]+)(\s*)(?:=(\s*)(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?[^,]*/y

/** RFC 9111 section 5.2. Names in lower case. Of a name that comes twice, the smaller number counts. */
export function readDirectives(value: string | undefined): Directives {
  const directives = new Map<string, string | true>()
  if (value === undefined) return directives
  DIRECTIVE.lastIndex = 0
  for (let found = DIRECTIVE.exec(value); found !== null; found = DIRECTIVE.exec(value)) {
    const [, name = '', before = '', after = '', quoted, token] = found
    const argument = before === '' && after === '' ? (quoted ?? token ?? true) : ''
    const key = name.toLowerCase()
    const known = directives.get(key)
    const isLess = known === undefined || secondsOf(argument) < secondsOf(known)
    if (isLess) directives.set(key, argument)
  }
  return directives
}

/** Delta seconds, RFC 9111 section 1.2.2; 0 for anything else. */
export function secondsOf(argument: string | true | undefined): number {
  if (typeof argument !== 'string' || !/^[0-9]+$/.test(argument)) return 0
  return Math.min(Number(argument), SECONDS_MAX)
}

/**
 * Age in seconds, RFC 9111 section 5.1; without end for what is not one number. Of several the RFC would take the first: it
 * does not say which cache on the way has spoken, so none is believed here.
 */
export function ageOf(value: string | undefined): number {
  if (value === undefined) return 0
  return /^[0-9]+$/.test(value) ? Math.min(Number(value), SECONDS_MAX) : SECONDS_MAX
}

const IMF = /^[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT$/
const RFC850 = /^[A-Z][a-z]{5,8}, [0-9]{2}-[A-Z][a-z]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT$/
const ASCTIME = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [0-9 ][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2} [0-9]{4}$/

/** A date in one of the three forms of RFC 9110 section 5.6.7, in milliseconds since 1970. */
export function dateOf(value: string | undefined): number | undefined {
  if (value === undefined) return undefined
  const known = IMF.test(value) || RFC850.test(value) || ASCTIME.test(value)
  const ms = known ? Date.parse(ASCTIME.test(value) ? `${value} GMT` : value) : Number.NaN
  return Number.isFinite(ms) ? ms : undefined
}

/** Entity tags of a list, weakness left out: If-None-Match compares weakly (RFC 9110 section 13.1.2). */
export const opaqueTags = (value: string): string[] =>
  [...value.matchAll(/(?:W\/)?("[\x21\x23-\x7e\x80-\xff]*")/g)].map(([, tag = '']) => tag)
