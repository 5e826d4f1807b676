import {
  type FieldLines,
  fieldsText,
  type FlatHeaders,
  lineFilter,
  type LineVerdict,
} from '@countersign/ground/http1'
import { UpstreamError } from './upstream-error.ts'

declare const passes: unique symbol
/**
 * Fields of a request as lines of its head, each with its CR LF. Every character of them was looked at, and none of them
 * speaks of the connection or says where the body ends. Only this file makes them.
 */
export type RequestLines = string & { readonly [passes]: true }

const NEVER: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
])

/**
 * Makes a filter for requests that are handed on: it gives those fields of a head that was read which `judge` keeps, as
 * `lineFilter` does. What belongs to the connection is never among them.
 */
export function requestLineFilter(
  judge: (name: string) => LineVerdict,
): (headers: FlatHeaders, lines: FieldLines) => RequestLines | undefined {
  const filter = lineFilter((name) => {
    const verdict = judge(name)
    return verdict === 'keep' && NEVER.has(name.toLowerCase()) ? 'drop' : verdict
  })
  return filter as (headers: FlatHeaders, lines: FieldLines) => RequestLines | undefined
}

/** Lines of these headers. Throws `UpstreamError` REQUEST_INVALID where one of them is none, or speaks of the connection. */
export function requestLines(headers: FlatHeaders): RequestLines {
  for (let i = 0; i < headers.length; i += 2)
    if (NEVER.has((headers[i] ?? '').toLowerCase()))
      throw new UpstreamError('REQUEST_INVALID', `${headers[i]} is no line of its own`)
  try {
    return fieldsText(headers) as RequestLines
  } catch (error) {
    throw new UpstreamError('REQUEST_INVALID', 'a header cannot be written', { cause: error })
  }
}

/** Lines of which the caller knows every character, and none of which anybody has sent. They are not looked at. */
export const toldLines = (lines: string): RequestLines => lines as RequestLines

/** Both, one behind the other. */
export const joinLines = (a: RequestLines, b: RequestLines): RequestLines => (a + b) as RequestLines
