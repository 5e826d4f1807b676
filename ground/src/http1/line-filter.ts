import type { FieldLines, FlatHeaders } from './message.ts'

/** What becomes of a field; `connection`: it may name others that belong to the connection as well. */
export type LineVerdict = 'keep' | 'drop' | 'connection'

const REMEMBERED_MAX = 512
const REMEMBERED_CHARS_MAX = 64

/**
 * Makes a filter that gives the lines of the fields that are kept, in one text, as they were read. `undefined` where a
 * Connection header names further ones (RFC 9110 section 7.6.1): those have to be taken out one by one. Verdicts are
 * remembered by the name as it is written, within a bound.
 */
export function lineFilter(
  judge: (name: string) => LineVerdict,
): (headers: FlatHeaders, lines: FieldLines) => string | undefined {
  const known = new Map<string, LineVerdict>()
  const verdictOn = (name: string): LineVerdict => {
    const found = known.get(name)
    if (found !== undefined) return found
    const verdict = judge(name)
    if (known.size < REMEMBERED_MAX && name.length <= REMEMBERED_CHARS_MAX) known.set(name, verdict)
    return verdict
  }
  return (headers, { text, from }) => {
    let kept = ''
    let keptFrom = from
    let at = from
    for (let i = 0; i + 1 < headers.length; i += 2) {
      const name = headers[i] ?? ''
      const value = headers[i + 1] ?? ''
      const next = at + name.length + value.length + SIGNS
      const verdict = verdictOn(name)
      if (verdict === 'connection' && !isAlone(value)) return undefined
      if (verdict !== 'keep') {
        if (keptFrom < at) kept += text.slice(keptFrom, at)
        keptFrom = next
      }
      at = next
    }
    return keptFrom < at ? kept + text.slice(keptFrom, at) : kept
  }
}
/** Colon, space, CR and LF. */
const SIGNS = 4

/** Whether a Connection header names no other field. */
function isAlone(value: string): boolean {
  if (value === 'keep-alive' || value === 'close' || value === '') return true
  const lower = value.toLowerCase()
  return lower === 'keep-alive' || lower === 'close'
}
