import {
  EMPTY_EDGE,
  edgeRoot,
  growEdge,
  parseTile,
  partialTiles,
  TILE_WIDTH,
  type Tile,
  tilePath,
} from '@countersign/ground/merkle'
import type { ReadFile } from '../log/tile-folder.ts'

/** What lies above the bundles: the roots of the full ones, and the hashes of the partial one. */
export interface Base {
  readonly bundles: readonly Buffer[]
  readonly last: readonly Buffer[]
}

/** Root of the whole tree. */
export function rootAbove({ bundles, last }: Base): Buffer {
  const { edge } = growEdge(EMPTY_EDGE, bundles)
  return edgeRoot({ size: 0, levels: [last, ...edge.levels] })
}

/** The tiles of level 1 and above, as they have to be. */
export function tilesAbove(bundles: readonly Buffer[]): Tile[] {
  const { edge, full } = growEdge(EMPTY_EDGE, bundles)
  return [...full, ...partialTiles(edge)].map((tile) => ({ ...tile, level: tile.level + 1 }))
}

/** The roots of full bundles as the tiles of level 1 have them; undefined where one cannot be read. */
export async function readLevelOne(read: ReadFile, count: number): Promise<(Buffer | undefined)[]> {
  const roots: (Buffer | undefined)[] = []
  for (let index = 0; roots.length < count; index++) {
    const width = Math.min(TILE_WIDTH, count - roots.length)
    const bytes = await read(tilePath({ level: 1, index, width }))
    const hashes = bytes === undefined ? undefined : parseTile(bytes, width)
    for (let i = 0; i < width; i++) roots.push(hashes?.[i])
  }
  return roots
}
