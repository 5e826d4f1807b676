import { isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml'
import { FILE_LIST_SETTINGS, SETTINGS } from './settings.ts'
import { suggest } from './suggest.ts'

/** A value as the file has it, with its place for messages. */
export interface Found {
  readonly value: unknown
  readonly at: string
}
export interface ReadFile {
  readonly found: ReadonlyMap<string, Found>
  readonly mistakes: readonly string[]
}

/**
 * Takes the text of `countersign.yaml` apart into settings by path.
 * Collects every mistake with file and line: broken YAML, unknown keys (with the one that was probably meant),
 * a value where a group belongs and the other way round. Values are judged elsewhere.
 */
export function readConfigText(text: string, file: string): ReadFile {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true })
  const mistakes = document.errors.map(
    (error) =>
      `${file}:${error.linePos?.[0].line ?? 1}: ${error.message.split('\n')[0]?.replace(/ at line \d+, column \d+:?$/, '')}`,
  )
  const found = new Map<string, Found>()
  const at = (node: unknown): string => {
    const range = typeof node === 'object' && node !== null && 'range' in node ? node.range : null
    const offset = Array.isArray(range) && typeof range[0] === 'number' ? range[0] : 0
    return `${file}:${lines.linePos(offset).line}`
  }
  const walk = (node: unknown, prefix: string): void => {
    if (!isMap(node)) return
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? String(key.value) : String(key)
      const path = prefix === '' ? name : `${prefix}.${name}`
      if (path in SETTINGS) {
        if (isScalar(value)) found.set(path, { value: value.value, at: at(key) })
        else if (FILE_LIST_SETTINGS.has(path) && isSeq(value) && value.items.every(isScalar))
          found.set(path, { value: value.items.map(String).join(','), at: at(key) })
        else mistakes.push(`${at(key)}: ${path} is not a single value`)
      } else if (isGroup(path)) {
        if (isMap(value)) walk(value, path)
        else
          mistakes.push(`${at(key)}: ${path} is a group; it holds ${childrenOf(path).join(', ')}`)
      } else mistakes.push(`${at(key)}: ${unknownKey(path, prefix)}`)
    }
  }
  const root = document.contents
  if (root !== null && !isMap(root) && mistakes.length === 0)
    mistakes.push(`${at(root)}: the file is not a list of "key: value" lines`)
  walk(root, '')
  return { found, mistakes }
}

const isGroup = (path: string): boolean =>
  Object.keys(SETTINGS).some((known) => known.startsWith(`${path}.`))

/** The keys directly below a group; the empty path is the file itself. */
function childrenOf(path: string): readonly string[] {
  const prefix = path === '' ? '' : `${path}.`
  const below = Object.keys(SETTINGS).filter((known) => known.startsWith(prefix))
  return [...new Set(below.map((known) => known.slice(prefix.length).split('.')[0] ?? ''))]
}

function unknownKey(path: string, prefix: string): string {
  const name = path.split('.').at(-1) ?? path
  const inPlace = suggest(name, childrenOf(prefix))
  const elsewhere = Object.keys(SETTINGS).find((known) => known.split('.').at(-1) === name)
  const meant = inPlace === undefined ? elsewhere : prefix === '' ? inPlace : `${prefix}.${inPlace}`
  const printable = JSON.stringify(path.slice(0, 80))
  return meant === undefined
    ? `${printable} is not a known key; known are ${childrenOf(prefix).join(', ')}`
    : `${printable} is not a known key; did you mean ${JSON.stringify(meant)}?`
}
