import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

/* Where figures go: docs/performance.md, and beside it what they follow from. */
const DOCS = resolve(import.meta.dirname, '../../docs')
const FOLDER = join(DOCS, 'performance')
const PAGE = join(DOCS, 'performance.md')
const END = '<!-- to here -->'

/** Puts `text` in place of what the page has between the marks of `writer`. Throws where there are none. */
export function writeSection(writer: string, text: string): void {
  const begin = `<!-- ${writer} writes from here -->`
  const page = readFileSync(PAGE, 'utf8')
  const from = page.indexOf(begin)
  const to = page.indexOf(END, from)
  if (from < 0 || to < 0) throw new Error(`${PAGE} has no place for ${writer}`)
  writeFileSync(PAGE, `${page.slice(0, from)}${begin}\n\n${text}\n\n${page.slice(to)}`)
}

/** Writes a file that the page refers to. */
export function writeBeside(name: string, text: string): void {
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(join(FOLDER, name), text)
}

/** What `writeBeside` wrote under this name as JSON; undefined where there is none. */
export function readBeside(name: string): unknown {
  try {
    return JSON.parse(readFileSync(join(FOLDER, name), 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** A table of Markdown; all columns but the first are figures. */
export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map((_, i) => (i === 0 ? '---' : '---:')), ...rows]
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n')
