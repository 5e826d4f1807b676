import { HASH_BYTES } from './hash.ts'

/*
 * C2SP tlog-tiles: a log as files. Tile `index` of level L holds up to 256 hashes, each of a complete subtree of
 * 256^L entries; an entry bundle holds the entries below one tile of level 0. Only full tiles count in the level
 * above; the last tile of a level may be partial.
 */

/** Hashes or entries of a full tile. */
export const TILE_WIDTH = 256
/** Longest entry, in bytes: its length is written as uint16. */
export const ENTRY_BYTES_MAX = 65_535
const LEVEL_MAX = 63

/** Which tile: `level` is a number for hashes, `'entries'` for an entry bundle. `width` is 1 to 256. */
export interface TileName {
  readonly level: number | 'entries'
  readonly index: number
  readonly width: number
}

/** `tile/<L>/<N>[.p/<W>]`, with N in groups of three digits: 1234067 is `x001/x234/067`. */
export function tilePath({ level, index, width }: TileName): string {
  const digits = String(index)
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, '0')
  const groups = padded.match(/[0-9]{3}/g) ?? []
  const name = groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join('/')
  return `tile/${level}/${name}${width === TILE_WIDTH ? '' : `.p/${width}`}`
}

const PATH =
  /^tile\/(entries|0|[1-9][0-9]?)\/((?:x[0-9]{3}\/)*[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/

/** Reads a tile path; `undefined` for all that `tilePath` would not have written. */
export function parseTilePath(path: string): TileName | undefined {
  const [, level = '', groups = '', width] = PATH.exec(path) ?? []
  const name: TileName = {
    level: level === 'entries' ? level : Number(level),
    index: Number(groups.replaceAll(/[x/]/g, '')),
    width: width === undefined ? TILE_WIDTH : Number(width),
  }
  if (!Number.isSafeInteger(name.index) || name.width > TILE_WIDTH) return undefined
  if (name.level !== 'entries' && name.level > LEVEL_MAX) return undefined
  // One tile, one name: superfluous zeroes and a partial tile of full width come back differently.
  return tilePath(name) === path ? name : undefined
}

/** The tiles and bundles that a tree of `size` entries consists of: bundles first, then levels from 0 up. */
export function* tilesOf(size: number): Generator<TileName> {
  yield* levelOf('entries', size)
  for (let level = 0, count = size; count > 0; level++) {
    yield* levelOf(level, count)
    count = Math.floor(count / TILE_WIDTH)
  }
}

function* levelOf(level: TileName['level'], count: number): Generator<TileName> {
  const full = Math.floor(count / TILE_WIDTH)
  for (let index = 0; index < full; index++) yield { level, index, width: TILE_WIDTH }
  if (count % TILE_WIDTH > 0) yield { level, index: full, width: count % TILE_WIDTH }
}

/** Takes a tile apart; `undefined` where the bytes are not `width` hashes. */
export function parseTile(bytes: Uint8Array, width: number): Buffer[] | undefined {
  if (bytes.length !== width * HASH_BYTES) return undefined
  const tile = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  return Array.from({ length: width }, (_, i) =>
    tile.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES),
  )
}

/** An entry with its length before it, as bundles hold it. Throws `RangeError` above `ENTRY_BYTES_MAX`. */
export function encodeEntry(entry: Uint8Array): Buffer {
  if (entry.length > ENTRY_BYTES_MAX) throw new RangeError(`an entry of ${entry.length} bytes`)
  const bytes = Buffer.allocUnsafe(2 + entry.length)
  bytes.writeUInt16BE(entry.length)
  bytes.set(entry, 2)
  return bytes
}

/** The entries at the front of a bundle, as far as they are whole; `rest` counts the bytes behind them. */
export function parseBundle(bytes: Uint8Array): { entries: Buffer[]; rest: number } {
  const bundle = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const entries: Buffer[] = []
  let at = 0
  while (at + 2 <= bundle.length) {
    const end = at + 2 + bundle.readUInt16BE(at)
    if (end > bundle.length) break
    entries.push(bundle.subarray(at + 2, end))
    at = end
  }
  return { entries, rest: bundle.length - at }
}
