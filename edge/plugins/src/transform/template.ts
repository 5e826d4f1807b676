import { RENDERED_CHARS_MAX } from './limits.ts'

/*
 * The part of Kong's templates that reads a request; nothing is executed.
 *   text $(headers.x_y) $(headers["x-y"]) $(query_params.q) $(uri_captures.name) $(uri_captures[1])
 *   $(headers["x"] or query_params.q or "otherwise")
 * What is not there is the empty text. Source: https://developer.konghq.com/plugins/request-transformer/#templates
 */

/** Where a template reads from. */
export interface Readable {
  header(name: string): string | undefined
  parameter(name: string): string | undefined
  capture(name: string): string | undefined
}
/** How a text that a client has chosen is made safe for where it goes. */
export type Escape = (value: string, from: 'header' | 'parameter' | 'capture') => string
export interface Template {
  render(from: Readable, safely: Escape): string
}

type Term =
  | { readonly from: 'header' | 'parameter' | 'capture'; readonly name: string }
  | { readonly from: 'text'; readonly text: string }
/** Alternatives; the first that is there counts. */
type Part = string | readonly Term[]

const TERM =
  /\s*(?:(headers|query_params|uri_captures)(?:\.([A-Za-z0-9_]+)|\[\s*(?:"([^"]*)"|'([^']*)'|([0-9]+))\s*\])|"([^"]*)"|'([^']*)')\s*/y
const OR = /or\b/y
const KINDS = { headers: 'header', query_params: 'parameter', uri_captures: 'capture' } as const

/** Reads a template; a text says what is wrong with it. */
export function compileTemplate(written: string): Template | string {
  const parts: Part[] = []
  let at = 0
  for (;;) {
    const opens = written.indexOf('$(', at)
    parts.push(written.slice(at, opens === -1 ? undefined : opens))
    if (opens === -1) return templateOf(parts)
    const read = readTerms(written, opens + 2)
    if (read === undefined)
      return 'templates read headers, query_params and uri_captures, with `or` between them; no code is run'
    parts.push(read.terms)
    at = read.end
  }
}

function templateOf(parts: readonly Part[]): Template {
  return {
    render: (from, safely) => {
      let text = ''
      for (const part of parts)
        text += typeof part === 'string' ? part : firstOf(part, from, safely)
      return text.slice(0, RENDERED_CHARS_MAX)
    },
  }
}

function readTerms(written: string, start: number): { terms: Term[]; end: number } | undefined {
  const terms: Term[] = []
  let at = start
  for (;;) {
    TERM.lastIndex = at
    const found = TERM.exec(written)
    if (found === null) return undefined
    terms.push(termOf(found))
    at = TERM.lastIndex
    if (written[at] === ')') return { terms, end: at + 1 }
    OR.lastIndex = at
    if (!OR.test(written)) return undefined
    at = OR.lastIndex
  }
}

function termOf(found: RegExpExecArray): Term {
  const [, source, plain, double, single, number, text, otherText] = found
  if (source === undefined) return { from: 'text', text: text ?? otherText ?? '' }
  const from = KINDS[source as keyof typeof KINDS]
  return { from, name: plain ?? double ?? single ?? number ?? '' }
}

function firstOf(terms: readonly Term[], from: Readable, safely: Escape): string {
  for (const term of terms) {
    if (term.from === 'text') return term.text
    const value = from[term.from](term.name)
    if (value !== undefined) return safely(value, term.from)
  }
  return ''
}
