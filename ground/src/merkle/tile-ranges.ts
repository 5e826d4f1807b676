import { parseTile, TILE_WIDTH, type TileName } from './tile.ts'
import { type RangeHash, splitPoint, treeHash } from './tree.ts'

/**
 * Ranges of a tree of `size` entries, out of its tiles: what proofs are made from. Each range has to be one that
 * RFC 9162 names in a proof. Rejects with `RangeError` where a tile is missing or has the wrong length.
 */
export function rangesOfTiles(
  size: number,
  readTile: (name: TileName) => Promise<Uint8Array | undefined>,
): RangeHash {
  const tiles = new Map<string, Promise<Buffer[]>>()
  const load = async (name: TileName): Promise<Buffer[]> => {
    const bytes = await readTile(name)
    const hashes = bytes === undefined ? undefined : parseTile(bytes, name.width)
    if (hashes === undefined) throw new RangeError(`tile ${name.level}/${name.index} is unusable`)
    return hashes
  }
  const tile = (level: number, index: number): Promise<Buffer[]> => {
    const count = Math.floor(size / TILE_WIDTH ** level)
    const name = { level, index, width: Math.min(TILE_WIDTH, count - index * TILE_WIDTH) }
    const key = `${level}/${index}`
    const loaded = tiles.get(key) ?? load(name)
    tiles.set(key, loaded)
    return loaded
  }
  // A complete subtree inside one tile is hashed from it; anything larger or ragged is split as the RFC says.
  const hashOf = async (start: number, end: number): Promise<Uint8Array> => {
    const level = levelOf(end - start)
    const unit = TILE_WIDTH ** level
    if (isPowerOfTwo(end - start) && start % (end - start) === 0) {
      const hashes = await tile(level, Math.floor(start / unit / TILE_WIDTH))
      const from = (start / unit) % TILE_WIDTH
      return treeHash(hashes.slice(from, from + (end - start) / unit))
    }
    const middle = start + splitPoint(end - start)
    return treeHash(await Promise.all([hashOf(start, middle), hashOf(middle, end)]))
  }
  return hashOf
}

// The highest level of which the width is a multiple.
function levelOf(width: number): number {
  let level = 0
  while (width >= TILE_WIDTH ** (level + 1)) level++
  return level
}

const isPowerOfTwo = (n: number): boolean => {
  let power = 1
  while (power < n) power *= 2
  return power === n
}
