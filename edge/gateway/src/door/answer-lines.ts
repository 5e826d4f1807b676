import {
  type FieldLines,
  type FlatHeaders,
  fieldsText,
  lineFilter,
  type LineVerdict,
} from '@countersign/ground/http1'

declare const passes: unique symbol
/**
 * Fields of an answer as lines of its head, each with its CR LF. Every character of them was looked at, and none of them
 * frames the message. Only this file makes them.
 */
export type AnswerLines = string & { readonly [passes]: true }

/** Written by the door alone. */
const NEVER: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'date',
  'keep-alive',
  'transfer-encoding',
])

/** Makes a filter for answers that are handed on, as `lineFilter` does; what frames the message is never among them. */
export function answerLineFilter(
  judge: (name: string) => LineVerdict,
): (headers: FlatHeaders, lines: FieldLines) => AnswerLines | undefined {
  const filter = lineFilter((name) => {
    const verdict = judge(name)
    return verdict === 'keep' && NEVER.has(name.toLowerCase()) ? 'drop' : verdict
  })
  return filter as (headers: FlatHeaders, lines: FieldLines) => AnswerLines | undefined
}

/**
 * Lines that are put behind others: `own` holds nothing that a client or a service has said, `headers` are looked at. Throws
 * `TypeError` for one that is none.
 */
export const addLines = (lines: AnswerLines, own: string, headers: FlatHeaders): AnswerLines =>
  (headers.length === 0 ? lines + own : lines + own + fieldsText(headers)) as AnswerLines
