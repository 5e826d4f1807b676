import { detached } from './detached.ts'

/*
 * Names of headers are mostly the same few. Each that was seen stays, at a place that follows from its characters, until
 * another one needs the place: so a head makes no new texts for its names, what looks at them finds them known, and what
 * a name means for the message is found out once. Bounded, and nothing that is sent makes it slow.
 */

/** What a name means for the message. */
export const OTHER = 0
export const HOST = 1
export const EXPECT = 2
export const UPGRADE = 3
export const CONNECTION = 4
export const CONTENT_LENGTH = 5
export const TRANSFER_ENCODING = 6
const MEANINGS: ReadonlyMap<string, number> = new Map([
  ['host', HOST],
  ['expect', EXPECT],
  ['upgrade', UPGRADE],
  ['connection', CONNECTION],
  ['content-length', CONTENT_LENGTH],
  ['transfer-encoding', TRANSFER_ENCODING],
])

const PLACES = 512
/** Longer names have one place for all of them. */
const CHARS_MAX = 64
const names: string[] = Array.from({ length: PLACES + 1 }, () => '')
const meanings = new Uint8Array(PLACES + 1)

/** Where the name is whose characters stand in `text`. `hash`: see `hashOf`. */
export function placeOf(text: string, from: number, to: number, hash: number): number {
  const place =
    to - from > CHARS_MAX ? PLACES : (hash ^ (hash >>> 9) ^ (hash >>> 18)) & (PLACES - 1)
  if (!stands(names[place] ?? '', text, from, to)) {
    const name = detached(text.slice(from, to))
    names[place] = name
    meanings[place] = MEANINGS.get(name.toLowerCase()) ?? OTHER
  }
  return place
}
/** As it is written, until the next call of `placeOf`. */
export const nameAt = (place: number): string => names[place] ?? ''
export const meaningAt = (place: number): number => meanings[place] ?? OTHER

/** The hash of a name with one more character; that of none is 0. */
export const hashOf = (hash: number, code: number): number => (Math.imul(hash, 31) + code) | 0

function stands(name: string, text: string, from: number, to: number): boolean {
  if (name.length !== to - from) return false
  for (let i = 0; i < name.length; i++)
    if (name.charCodeAt(i) !== text.charCodeAt(from + i)) return false
  return true
}
