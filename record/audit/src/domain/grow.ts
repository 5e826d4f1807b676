import {
  encodeEntry,
  growEdge,
  hashLeaf,
  partialTiles,
  TILE_WIDTH,
  type TileName,
  type TreeEdge,
} from '@countersign/ground/merkle'

/** A tile or a bundle, as it goes to disk. */
export interface TileFile {
  readonly name: TileName
  readonly bytes: Buffer
}
/** A log as far as it is in tiles. */
export interface Written {
  readonly edge: TreeEdge
  readonly bundle: readonly Buffer[]
  /** The tiles and bundles that became full. */
  readonly files: readonly TileFile[]
}

/** Adds entries; `files` of the result are the tiles and bundles that became full by them. */
export function grow(before: Written, entries: readonly Buffer[]): Written {
  const { edge, full } = growEdge(before.edge, entries.map(hashLeaf))
  const files: TileFile[] = full.map(({ bytes, ...name }) => ({ name, bytes }))
  const all = [...before.bundle, ...entries]
  let index = Math.floor(before.edge.size / TILE_WIDTH)
  let at = 0
  for (; at + TILE_WIDTH <= all.length; at += TILE_WIDTH, index++) {
    const bytes = Buffer.concat(all.slice(at, at + TILE_WIDTH).map(encodeEntry))
    files.push({ name: { level: 'entries', index, width: TILE_WIDTH }, bytes })
  }
  return { edge, bundle: all.slice(at), files }
}

/** The partial tiles and the partial bundle at the right end. */
export function partialFiles({ edge, bundle }: Written): TileFile[] {
  const tiles = partialTiles(edge).map(({ bytes, ...name }) => ({ name, bytes }))
  if (bundle.length === 0) return tiles
  const index = Math.floor(edge.size / TILE_WIDTH)
  const name: TileName = { level: 'entries', index, width: bundle.length }
  return [...tiles, { name, bytes: Buffer.concat(bundle.map(encodeEntry)) }]
}
