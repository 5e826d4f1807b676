import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/* The vectors of Node's own parser: what it makes of requests, well-formed and malformed, in its strict mode. */
const FOLDER = join(import.meta.dirname, '../http1/testdata/llhttp')
const VECTOR =
  /^#+ ([^\n]+)\n(?:(?!^#)[\s\S])*?<!-- meta=(\{.*\}) -->\n```http\n([\s\S]*?)```\n[^`]*```log\n([\s\S]*?)```/gm
/** Not a mistake in the bytes: a change of protocol, or the end of the vector. */
const NO_MISTAKE = /error code=2[0-9]/

export interface LlhttpVector {
  readonly name: string
  /** Latin1. */
  readonly bytes: string
  readonly malformed: boolean
  /** Whole requests before the mistake. */
  readonly whole: number
  /** Targets of the requests that begin. */
  readonly targets: readonly string[]
}

/** What it makes of them in its strict mode. */
export function llhttpVectors(): readonly LlhttpVector[] {
  return vectorsOf((type) => type === 'request')
}
/** Bytes of which it takes some as a request only where it is told to be lenient, or when they end. */
export function llhttpOtherVectors(): readonly LlhttpVector[] {
  return vectorsOf((type) => /^request-(lenient|finish)/.test(type))
}

function vectorsOf(isWanted: (type: string) => boolean): readonly LlhttpVector[] {
  return readdirSync(FOLDER).flatMap((file) => {
    const text = readFileSync(join(FOLDER, file), 'utf8')
    return [...text.matchAll(VECTOR)].flatMap(([, title, meta = '', bytes = '', log = '']) =>
      isWanted(JSON.parse(meta).type)
        ? [
            {
              name: `${file} ${title}`,
              bytes: unescaped(bytes),
              malformed: log.includes('error code=') && !NO_MISTAKE.test(log),
              whole: log.split('message complete').length - 1,
              targets: [...log.matchAll(/span\[url\]="(.*)"$/gm)].map(([, target = '']) => target),
            },
          ]
        : [],
    )
  })
}

/** As llhttp's own runner reads them. */
function unescaped(text: string): string {
  const escapes: Record<string, string> = { r: '\r', n: '\n', t: '\t', f: '\f' }
  return text
    .replace(/\n$/, '')
    .replaceAll(/\\\n/g, '')
    .replaceAll('\n', '\r\n')
    .replaceAll(/\\([rntf])/g, (_whole, letter: string) => escapes[letter] ?? '')
    .replaceAll(/\\x([0-9a-fA-F]{2})/g, (_whole, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    )
}
