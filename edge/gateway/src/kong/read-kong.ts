import { type Document, isMap, isNode, isPair, isScalar, LineCounter, parseDocument } from 'yaml'
import type { z } from 'zod'
import { ELSEWHERE } from './kong-schema.ts'

/** A kong.yml that cannot be used: every mistake with its file and line. */
export class KongError extends Error {
  readonly code = 'KONG_INVALID'
  readonly mistakes: readonly string[]
  constructor(mistakes: readonly string[]) {
    super(`kong.yml cannot be used:\n${mistakes.map((mistake) => `  - ${mistake}`).join('\n')}`)
    this.mistakes = mistakes
  }
}

type Path = readonly PropertyKey[]

/** A YAML text with the lines of everything in it, and the mistakes found so far. */
export class KongText {
  readonly mistakes: string[] = []
  readonly #file: string
  readonly #lines = new LineCounter()
  readonly #document: Document

  /** `file` is for messages only. Throws `KongError` where this is not YAML. */
  constructor(text: string, file: string) {
    this.#file = file
    this.#document = parseDocument(text, { lineCounter: this.#lines, uniqueKeys: true })
    const wrong = [...this.#document.errors, ...this.#document.warnings].map(
      (error) => `${file}:${error.linePos?.[0].line ?? 1}: ${error.message.split('\n')[0]}`,
    )
    if (wrong.length > 0) throw new KongError(wrong)
  }

  /** The content as plain values. Aliases are refused: they make small files large. */
  value(): unknown {
    try {
      return this.#document.toJS({ maxAliasCount: 0 }) ?? {}
    } catch {
      throw new KongError([`${this.#file}:1: aliases are not allowed`])
    }
  }

  /** `file:line` of what is at `path`. */
  at(path: Path): string {
    return `${this.#file}:${this.#line(path)}`
  }
  wrong(path: Path, what: string): void {
    const name = path.map(String).join('.')
    this.mistakes.push(`${this.at(path)}: ${name === '' ? '' : `${name}: `}${what}`)
  }
  /** Checks a value against its schema; notes every mistake at its line. */
  check<Schema extends z.ZodType>(
    schema: Schema,
    value: unknown,
    path: Path = [],
  ): z.output<Schema> | undefined {
    const read = schema.safeParse(value)
    if (read.success) return read.data
    for (const issue of read.error.issues) {
      const at = [...path, ...issue.path]
      if (issue.code !== 'unrecognized_keys') this.wrong(at, issue.message)
      else for (const key of issue.keys) this.wrong([...at, key], unknownKey(key))
    }
    return undefined
  }

  #line(path: Path): number {
    let at: unknown = this.#document.contents
    let offset = isNode(at) ? (at.range?.[0] ?? 0) : 0
    for (const key of path) {
      const pair = isMap(at)
        ? at.items.find((each) => isPair(each) && isScalar(each.key) && each.key.value === key)
        : undefined
      const child: unknown =
        pair?.value ??
        (isNode(at) && 'get' in at
          ? (at.get as (k: unknown, s: true) => unknown)(key, true)
          : undefined)
      const place: unknown = pair?.key ?? child
      if (isNode(place)) offset = place.range?.[0] ?? offset
      at = child
    }
    return this.#lines.linePos(offset).line
  }
}

const unknownKey = (key: string): string =>
  `this key is not known here${ELSEWHERE[key] === undefined ? '' : `; ${ELSEWHERE[key]}`}`
