import type { Chance } from './chance.ts'

const NOISE = [
  ...['\r', '\n', '\r\n', '\0', ' ', '\t', ':', ';', '"', '0', '\xff', 'a'],
  ...['\r\n\r\n', '\n\n'],
]

/** One mistake of a connection anywhere in a text (latin1): an octet too many, too few or another, a piece lost or doubled. */
export function spoilBytes(text: string, chance: Chance): string {
  const at = chance.number(text.length + 1)
  const to = at + 1 + chance.number(40)
  const kind = chance.number(5)
  if (kind === 0) return text.slice(0, at) + chance.of(NOISE) + text.slice(at)
  if (kind === 1) return text.slice(0, at) + text.slice(at + 1)
  if (kind === 2) return text.slice(0, at) + chance.of(NOISE) + text.slice(at + 1)
  if (kind === 3) return text.slice(0, at) + text.slice(to)
  return text.slice(0, to) + text.slice(at)
}
