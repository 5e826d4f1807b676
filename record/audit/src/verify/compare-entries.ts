import {
  hashLeaf,
  parseTile,
  sameHash,
  type TileName,
  tilePath,
  treeHash,
} from '@countersign/ground/merkle'
import type { ReadFile } from '../log/tile-folder.ts'

/*
 * One bundle of entries beside the tile of level 0 that should hold their hashes. Where they differ, one of the two is
 * damaged; which one, only the tree above can tell.
 */
export interface Comparison {
  readonly bundle: TileName
  /** Hash of each entry as it is in the bundle; undefined where it cannot be read. */
  readonly fromEntries: readonly (Buffer | undefined)[]
  /** Each hash as the tile has it; all undefined where the tile cannot be read. */
  readonly fromTile: readonly (Buffer | undefined)[]
  /** Root of the bundle by either side; undefined where something of it is missing. */
  readonly entriesRoot: Buffer | undefined
  readonly tileRoot: Buffer | undefined
}

export async function compareEntries(read: ReadFile, bundle: TileName): Promise<Comparison> {
  const [entryBytes, tileBytes] = await Promise.all([
    read(tilePath(bundle)),
    read(tilePath({ ...bundle, level: 0 })),
  ])
  const hashes = tileBytes === undefined ? undefined : parseTile(tileBytes, bundle.width)
  const fromTile = Array.from({ length: bundle.width }, (_, i) => hashes?.[i])
  const { found, whole } = hashEntries(entryBytes ?? Buffer.alloc(0), fromTile)
  return {
    bundle,
    fromEntries: found,
    fromTile,
    entriesRoot: whole ? rootOf(found) : undefined,
    tileRoot: rootOf(fromTile),
  }
}

/** The places where both sides differ, or one is missing. */
export function differences({ fromEntries, fromTile }: Comparison): number[] {
  return fromEntries.flatMap((hash, i) => (same(hash, fromTile[i]) ? [] : [i]))
}

export const same = (a: Buffer | undefined, b: Buffer | undefined): boolean =>
  a !== undefined && b !== undefined && sameHash(a, b)

/** The hashes of a side, if it is there and none is missing. */
export function complete(side: readonly (Buffer | undefined)[] | undefined): Buffer[] | undefined {
  const there = side?.filter((hash) => hash !== undefined)
  return there?.length === side?.length ? there : undefined
}

function rootOf(side: readonly (Buffer | undefined)[]): Buffer | undefined {
  const hashes = complete(side)
  return hashes === undefined ? undefined : treeHash(hashes)
}

type Hashes = (Buffer | undefined)[]

function hashEntries(bytes: Buffer, expected: Hashes): { found: Hashes; whole: boolean } {
  const found: Hashes = []
  let at = 0
  for (const hash of expected) {
    const read = readEntry(bytes, at, hash)
    found.push(read.hash)
    at = read.end
  }
  return { found, whole: at === bytes.length }
}

// Where the length before an entry has one wrong bit, the right length gives the expected hash away: the entry is
// damaged, but the ones behind it can still be read.
function readEntry(
  bytes: Buffer,
  at: number,
  expected: Buffer | undefined,
): { hash: Buffer | undefined; end: number } {
  if (at + 2 > bytes.length) return { hash: undefined, end: bytes.length }
  const length = bytes.readUInt16BE(at)
  const hashOf = (count: number): Buffer | undefined =>
    at + 2 + count <= bytes.length ? hashLeaf(bytes.subarray(at + 2, at + 2 + count)) : undefined
  const hash = hashOf(length)
  if (expected === undefined || same(hash, expected))
    return { hash, end: Math.min(bytes.length, at + 2 + length) }
  for (let bit = 0; bit < 16; bit++) {
    const other = length ^ (1 << bit)
    if (same(hashOf(other), expected)) return { hash: undefined, end: at + 2 + other }
  }
  return { hash, end: Math.min(bytes.length, at + 2 + length) }
}
