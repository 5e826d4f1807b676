import { EMPTY_TREE_HASH, hashChildren } from './hash.ts'

/** Largest power of two that is smaller than `n`; `n` is an integer of at least 2. */
export function splitPoint(n: number): number {
  let k = 1
  while (k * 2 < n) k *= 2
  return k
}

/**
 * Root of the tree over leaf hashes: MTH of RFC 9162, section 2.1.1.
 * Works as well on the roots of equally large complete subtrees, of which only the last may be smaller.
 */
export function treeHash(hashes: readonly Uint8Array[]): Buffer {
  if (hashes.length === 0) return EMPTY_TREE_HASH
  let level: readonly Uint8Array[] = hashes
  while (level.length > 1) level = level.flatMap((left, i) => pair(level, left, i))
  return Buffer.from(level[0] ?? EMPTY_TREE_HASH)
}

// A node without a sibling rises as it is: the same shape as splitting at the largest power of two.
function pair(level: readonly Uint8Array[], left: Uint8Array, i: number): readonly Uint8Array[] {
  if (i % 2 === 1) return []
  const right = level[i + 1]
  return [right === undefined ? left : hashChildren(left, right)]
}

/** Hash of the entries from `start` up to but not including `end`: MTH(D[start:end]). */
export type RangeHash = (start: number, end: number) => Uint8Array | Promise<Uint8Array>

/** Ranges out of leaf hashes that are all in memory. */
export function rangesOf(leafHashes: readonly Uint8Array[]): RangeHash {
  return (start, end) => treeHash(leafHashes.slice(start, end))
}
