import { HASH_BYTES } from './hash.ts'
import { parseTile, TILE_WIDTH, type TileName } from './tile.ts'
import { treeHash } from './tree.ts'

/*
 * The right edge of a tree: the hashes of the partial tile of each level. It is all that is needed to add entries
 * and to know the root. Values, never changed: growing gives a new edge and the tiles that became full on the way.
 */
export interface TreeEdge {
  /** Entries of the tree. */
  readonly size: number
  /** Level by level from 0, the hashes of the partial tile; fewer than 256 each. */
  readonly levels: readonly (readonly Uint8Array[])[]
}
export interface Tile extends TileName {
  readonly level: number
  readonly bytes: Buffer
}

export const EMPTY_EDGE: TreeEdge = { size: 0, levels: [] }

/** Adds entries by their leaf hashes. `full` holds the tiles that are complete now, in the order they became so. */
export function growEdge(
  edge: TreeEdge,
  leafHashes: readonly Uint8Array[],
): { edge: TreeEdge; full: Tile[] } {
  const levels = edge.levels.map((hashes) => [...hashes])
  const full: Tile[] = []
  let size = edge.size
  const push = (level: number, hash: Uint8Array): void => {
    levels[level] ??= []
    const hashes = levels[level]
    hashes.push(hash)
    if (hashes.length < TILE_WIDTH) return
    const index = size / TILE_WIDTH ** (level + 1) - 1
    full.push({ level, index, width: TILE_WIDTH, bytes: Buffer.concat(hashes) })
    levels[level] = []
    push(level + 1, treeHash(hashes))
  }
  for (const hash of leafHashes) {
    size++
    push(0, hash)
  }
  return { edge: { size, levels }, full }
}

/** The partial tiles of the tree, from level 0 up. */
export function partialTiles({ size, levels }: TreeEdge): Tile[] {
  return levels.flatMap((hashes, level) => {
    const index = Math.floor(size / TILE_WIDTH ** (level + 1))
    const tile = { level, index, width: hashes.length, bytes: Buffer.concat(hashes) }
    return hashes.length === 0 ? [] : [tile]
  })
}

/** Root of the tree. */
export function edgeRoot({ levels }: TreeEdge): Buffer {
  let below: readonly Uint8Array[] = []
  for (const hashes of levels) {
    const all = [...hashes, ...below]
    below = all.length === 0 ? [] : [treeHash(all)]
  }
  return treeHash(below)
}

/**
 * The edge of a tree of `size` entries, read from its partial tiles; `undefined` where one is missing or has
 * the wrong length. Whether it is the right edge shows when `edgeRoot` is compared with a signed root.
 */
export async function readEdge(
  size: number,
  readTile: (name: TileName) => Promise<Uint8Array | undefined>,
): Promise<TreeEdge | undefined> {
  const levels: Uint8Array[][] = []
  for (let level = 0, count = size; count > 0; level++, count = Math.floor(count / TILE_WIDTH)) {
    const width = count % TILE_WIDTH
    const name = { level, index: Math.floor(count / TILE_WIDTH), width }
    const bytes = width === 0 ? new Uint8Array(0) : await readTile(name)
    const hashes = bytes === undefined ? undefined : parseTile(bytes, width)
    if (hashes === undefined) return undefined
    levels.push(hashes.map((hash) => Buffer.from(hash.subarray(0, HASH_BYTES))))
  }
  return { size, levels }
}
