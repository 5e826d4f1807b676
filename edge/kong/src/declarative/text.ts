import { type Document, isMap, isNode, isPair, isScalar, LineCounter, parseDocument } from 'yaml'
import { safeCopy } from '../input/safe-json.ts'
import { DECLARATIVE_CHARS_MAX } from '../limits.ts'

export type Path = readonly (string | number)[]

/** A YAML or JSON text with the lines of everything in it. JSON is YAML. */
export class DeclarativeText {
  /** What makes it unreadable, each with file and line; nothing may be asked of the text then. */
  readonly broken: readonly string[]
  /** Plain values, no object of which has a prototype. */
  readonly value: unknown
  readonly #file: string
  readonly #lines = new LineCounter()
  readonly #document: Document | undefined

  /** `file` is for messages only. */
  constructor(text: string, file: string) {
    this.#file = file
    if (text.length > DECLARATIVE_CHARS_MAX) {
      this.broken = [`${file}:1: longer than ${DECLARATIVE_CHARS_MAX} characters`]
      return
    }
    const document = parseDocument(text, { lineCounter: this.#lines, uniqueKeys: true })
    this.#document = document
    const wrong = [...document.errors, ...document.warnings].map(
      (error) => `${file}:${error.linePos?.[0].line ?? 1}: ${error.message.split('\n')[0]}`,
    )
    this.value = wrong.length > 0 ? undefined : this.#plain(document, wrong)
    this.broken = wrong
  }

  /** `file:line` of what is at `path`, or of the nearest thing above it. */
  at(path: Path): string {
    return `${this.#file}:${this.#line(path)}`
  }

  /** Aliases are refused: they make small files large. */
  #plain(document: Document, wrong: string[]): unknown {
    try {
      return safeCopy(document.toJS({ maxAliasCount: 0 }) ?? {})
    } catch {
      wrong.push(`${this.#file}:1: aliases are not allowed`)
      return undefined
    }
  }

  #line(path: Path): number {
    let at: unknown = this.#document?.contents
    let offset = isNode(at) ? (at.range?.[0] ?? 0) : 0
    for (const key of path) {
      const pair = isMap(at)
        ? at.items.find(
            (each) => isPair(each) && isScalar(each.key) && String(each.key.value) === key,
          )
        : undefined
      const child: unknown = pair?.value ?? itemOf(at, key)
      const place: unknown = pair?.key ?? child
      if (!isNode(place)) break
      offset = place.range?.[0] ?? offset
      at = child
    }
    return this.#lines.linePos(offset).line
  }
}

const itemOf = (at: unknown, key: string | number): unknown =>
  isNode(at) && 'get' in at
    ? (at.get as (key: unknown, node: true) => unknown)(key, true)
    : undefined
