import {
  type Document,
  isMap,
  isNode,
  isPair,
  isScalar,
  LineCounter,
  parseDocument,
  visit,
  type YAMLMap,
} from 'yaml'
import { safeCopy } from '../input/safe-json.ts'
import { DECLARATIVE_CHARS_MAX, MISTAKES_MAX } from '../limits.ts'

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
    // The parser looks for keys that are there twice, and words its errors, in square time.
    const document = parseDocument(text, {
      lineCounter: this.#lines,
      logLevel: 'error',
      prettyErrors: false,
      uniqueKeys: false,
    })
    this.#document = document
    const wrong = [...document.errors, ...document.warnings]
      .slice(0, MISTAKES_MAX)
      .map(({ pos, message }) => this.#wrongAt(pos[0], message))
    this.value = wrong.length > 0 ? undefined : this.#plain(document, wrong)
    this.broken = wrong
  }

  /** `file:line` of what is at `path`, or of the nearest thing above it. */
  at(path: Path): string {
    return `${this.#file}:${this.#line(path)}`
  }

  #plain(document: Document, wrong: string[]): unknown {
    try {
      this.#lookFor(document, wrong)
      return wrong.length > 0 ? undefined : safeCopy(document.toJS({ maxAliasCount: 0 }) ?? {})
    } catch {
      wrong.push(this.#wrongAt(0, 'nests too deep'))
      return undefined
    }
  }
  /** What is YAML and refused here: aliases, which make small files large, and keys that are no key of one thing. */
  #lookFor(document: Document, wrong: string[]): void {
    visit(document, {
      Alias: (_, alias) => {
        wrong.push(this.#wrongAt(alias.range?.[0], 'aliases are not allowed'))
        return wrong.length < MISTAKES_MAX ? undefined : visit.BREAK
      },
      Map: (_, map) => {
        this.#lookAtKeys(map, wrong)
        return wrong.length < MISTAKES_MAX ? undefined : visit.BREAK
      },
    })
  }
  #lookAtKeys({ items }: YAMLMap, wrong: string[]): void {
    const seen = new Set<string>()
    for (const { key } of items) {
      if (wrong.length >= MISTAKES_MAX) return
      const at = isNode(key) ? key.range?.[0] : undefined
      const name = isScalar(key) ? String(key.value) : undefined
      if (name === undefined) wrong.push(this.#wrongAt(at, 'a key must be a text'))
      else if (seen.has(name)) wrong.push(this.#wrongAt(at, 'Map keys must be unique'))
      else seen.add(name)
    }
  }

  #wrongAt(offset: number | undefined, what: string): string {
    return `${this.#file}:${this.#lines.linePos(offset ?? 0).line}: ${what.split('\n')[0]}`
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
