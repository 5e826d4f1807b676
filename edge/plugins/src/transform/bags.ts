import type { HeaderDraft } from '@countersign/kong'
import { JSON_DEPTH_MAX } from './limits.ts'
import type { Bag } from './rules.ts'

/** Headers: names in any case. */
export class HeaderBag implements Bag {
  readonly #headers: HeaderDraft
  constructor(headers: HeaderDraft) {
    this.#headers = headers
  }
  has(name: string): boolean {
    return this.#headers.get(name) !== undefined
  }
  remove(name: string): void {
    this.#headers.remove(name)
  }
  rename(from: string, to: string): void {
    const values = valuesOf(this.#headers, from)
    this.#headers.remove(from)
    this.#headers.remove(to)
    for (const value of values) this.#headers.add(to, value)
  }
  set(name: string, value: unknown): void {
    this.#headers.set(name, String(value))
  }
  append(name: string, value: unknown): void {
    this.#headers.add(name, String(value))
  }
}
function valuesOf({ flat }: HeaderDraft, name: string): string[] {
  const wanted = name.toLowerCase()
  return flat.filter((_, i) => i % 2 === 1 && flat[i - 1]?.toLowerCase() === wanted)
}

interface Pair {
  readonly name: string
  readonly value: string
  /** As it came, where it did. */
  readonly written: string | undefined
}
/** Names and values of a query or a form, in their order; what no rule touches stays as it was written. */
export class ParameterBag implements Bag {
  #pairs: Pair[] = []
  constructor(encoded: string) {
    for (const written of encoded.split('&')) {
      if (written === '') continue
      const at = written.indexOf('=')
      const name = decode(at === -1 ? written : written.slice(0, at))
      this.#pairs.push({ name, value: at === -1 ? '' : decode(written.slice(at + 1)), written })
    }
  }
  get(name: string): string | undefined {
    return this.#pairs.find((pair) => pair.name === name)?.value
  }
  has(name: string): boolean {
    return this.#pairs.some((pair) => pair.name === name)
  }
  remove(name: string): void {
    this.#pairs = this.#pairs.filter((pair) => pair.name !== name)
  }
  rename(from: string, to: string): void {
    if (from === to) return
    this.remove(to)
    this.#pairs = this.#pairs.map((pair) =>
      pair.name === from ? { name: to, value: pair.value, written: undefined } : pair,
    )
  }
  set(name: string, value: unknown): void {
    const at = this.#pairs.findIndex((pair) => pair.name === name)
    const pair = { name, value: String(value), written: undefined }
    if (at === -1) this.#pairs.push(pair)
    else
      this.#pairs = this.#pairs.flatMap((p, i) => (p.name !== name ? [p] : i === at ? [pair] : []))
  }
  append(name: string, value: unknown): void {
    this.#pairs.push({ name, value: String(value), written: undefined })
  }
  *[Symbol.iterator](): Generator<{ readonly name: string; readonly value: string }> {
    yield* this.#pairs
  }
  toString(): string {
    return this.#pairs
      .map(({ name, value, written }) => written ?? `${encode(name)}=${encode(value)}`)
      .join('&')
  }
}
const encode = (text: string): string => encodeURIComponent(text.toWellFormed())
function decode(text: string): string {
  const spaced = text.replaceAll('+', ' ')
  try {
    return decodeURIComponent(spaced)
  } catch {
    return spaced
  }
}

/** The members of a JSON object, top level only, as Kong does. Numbers keep the digits that they came with. */
export class JsonBag implements Bag {
  readonly #members: Map<string, unknown>
  private constructor(members: Map<string, unknown>) {
    this.#members = members
  }
  /** `undefined` for what is no JSON at all; `other` for JSON that is no object. */
  static parse(text: string): JsonBag | 'other' | undefined {
    if (isDeep(text)) return undefined
    try {
      const value: unknown = text.trim() === '' ? {} : JSON.parse(text, keepDigits)
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'other'
      return new JsonBag(new Map(Object.entries(value)))
    } catch {
      return undefined
    }
  }
  has(name: string): boolean {
    return this.#members.has(name)
  }
  remove(name: string): void {
    this.#members.delete(name)
  }
  rename(from: string, to: string): void {
    const value = this.#members.get(from)
    this.#members.delete(from)
    this.#members.set(to, value)
  }
  set(name: string, value: unknown): void {
    this.#members.set(name, value)
  }
  append(name: string, value: unknown): void {
    const known = this.#members.get(name)
    if (known === undefined) this.#members.set(name, [value])
    else if (Array.isArray(known)) this.#members.set(name, [...known, value])
    else this.#members.set(name, [known, value])
  }
  toString(): string {
    return JSON.stringify(Object.fromEntries(this.#members))
  }
}

/** Whether brackets nest so deep that reading and writing them could end the stack. Counts those in texts, too. */
function isDeep(text: string): boolean {
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 0x5b || code === 0x7b) depth++
    else if (code === 0x5d || code === 0x7d) depth--
    if (depth > JSON_DEPTH_MAX) return true
  }
  return false
}

/** A number that JavaScript cannot hold is written again as it was read (JSON.parse source text access, ES2026). */
function keepDigits(_key: string, value: unknown, context?: { source?: string }): unknown {
  const source = context?.source
  if (typeof value !== 'number' || source === undefined || String(value) === source) return value
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(source)
}
