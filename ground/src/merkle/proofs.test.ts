import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EMPTY_EDGE, edgeRoot, growEdge, partialTiles, readEdge, type Tile } from './edge.ts'
import { EMPTY_TREE_HASH, hashChildren, hashLeaf } from './hash.ts'
import { isSubtree, proveConsistency, proveInclusion, proveSubtreeConsistency } from './prove.ts'
import { type TileName, tilePath, tilesOf } from './tile.ts'
import { rangesOfTiles } from './tile-ranges.ts'
import { rangesOf, splitPoint, treeHash } from './tree.ts'
import { verifyConsistency, verifyInclusion, verifySubtreeConsistency } from './verify.ts'

const leaves = Array.from({ length: 70_100 }, (_, i) => hashLeaf(Buffer.from(`entry ${i}`)))

/** MTH as RFC 9162, section 2.1.1 words it: slow and plain. */
function mth(hashes: readonly Uint8Array[]): Uint8Array {
  if (hashes.length < 2) return hashes[0] ?? createHash('sha256').digest()
  const k = splitPoint(hashes.length)
  return hashChildren(mth(hashes.slice(0, k)), mth(hashes.slice(k)))
}

/** A log in memory: tiles by path. */
function tilesFor(size: number): (name: TileName) => Promise<Uint8Array | undefined> {
  const { edge, full } = growEdge(EMPTY_EDGE, leaves.slice(0, size))
  const tiles = new Map([...full, ...partialTiles(edge)].map((t: Tile) => [tilePath(t), t.bytes]))
  const hashTiles = [...tilesOf(size)].filter(({ level }) => level !== 'entries')
  expect([...tiles.keys()].sort()).toEqual(hashTiles.map(tilePath).sort())
  return async (name) => tiles.get(tilePath(name))
}

describe('tree hash', () => {
  test('RFC 9162, section 2.1.1: the empty tree hashes to SHA-256 of nothing', () => {
    expect(treeHash([])).toEqual(EMPTY_TREE_HASH)
    expect(EMPTY_TREE_HASH.toString('hex')).toBe(
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    )
  })
  test('is the recursive one for every size up to 300', () => {
    for (let n = 0; n <= 300; n++)
      expect(treeHash(leaves.slice(0, n)).equals(mth(leaves.slice(0, n)))).toBe(true)
  })
})

describe('edge', () => {
  test('has the root of the tree however it was grown', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 5 }), (steps) => {
        let edge = EMPTY_EDGE
        for (const step of steps)
          edge = growEdge(edge, leaves.slice(edge.size, edge.size + step)).edge
        expect(edgeRoot(edge)).toEqual(treeHash(leaves.slice(0, edge.size)))
      }),
      { numRuns: 30 },
    )
  })
  test.each([0, 1, 255, 256, 257, 65_536, 70_000])('of %i entries is read back', async (size) => {
    const edge = await readEdge(size, tilesFor(size))
    expect(edge && edgeRoot(edge)).toEqual(treeHash(leaves.slice(0, size)))
  })
  test('with a tile missing is not read', async () => {
    expect(await readEdge(300, async () => undefined)).toBeUndefined()
  })
})

describe('proofs', () => {
  test('of inclusion verify for every entry of every tree up to 40, and for no other index', async () => {
    for (let size = 1; size <= 40; size++) {
      const root = treeHash(leaves.slice(0, size))
      for (let index = 0; index < size; index++) {
        const proof = await proveInclusion(index, size, rangesOf(leaves))
        const leafHash = leaves[index] ?? EMPTY_TREE_HASH
        expect(verifyInclusion({ index, size, leafHash, proof, root })).toBe(true)
        const other = (index + 1) % size
        if (size > 1)
          expect(verifyInclusion({ index: other, size, leafHash, proof, root })).toBe(false)
      }
    }
  })
  test('of consistency verify between all sizes up to 40', async () => {
    for (let size2 = 1; size2 <= 40; size2++)
      for (let size1 = 1; size1 <= size2; size1++) {
        const proof = await proveConsistency(size1, size2, rangesOf(leaves))
        const root1 = treeHash(leaves.slice(0, size1))
        const root2 = treeHash(leaves.slice(0, size2))
        expect(verifyConsistency({ size1, size2, root1, root2, proof })).toBe(true)
        const other = treeHash(leaves.slice(1, size1 + 1))
        expect(verifyConsistency({ size1, size2, root1: other, root2, proof })).toBe(false)
      }
  })
  test('of subtrees verify for each subtree of each tree up to 24', async () => {
    for (let size = 1; size <= 24; size++)
      for (let start = 0; start < size; start++)
        for (let end = start + 1; end <= size; end++) {
          if (!isSubtree(start, end)) continue
          const proof = await proveSubtreeConsistency([start, end], size, rangesOf(leaves))
          const root1 = treeHash(leaves.slice(start, end))
          const root2 = treeHash(leaves.slice(0, size))
          const claim = { start, end, size, root1, root2, proof }
          expect(verifySubtreeConsistency(claim)).toBe(true)
          expect(verifySubtreeConsistency({ ...claim, root2: root1 })).toBe(
            size === end && start === 0,
          )
        }
  })
  test('come out of tiles as they come out of leaves', async () => {
    const size = 70_001
    const ranges = rangesOfTiles(size, tilesFor(size))
    for (const index of [0, 255, 256, 65_535, 65_536, 69_999, 70_000]) {
      const fromTiles = await proveInclusion(index, size, ranges)
      expect(fromTiles).toEqual(await proveInclusion(index, size, rangesOf(leaves)))
    }
    for (const size1 of [1, 256, 300, 65_536, 66_000, 70_000])
      expect(await proveConsistency(size1, size, ranges)).toEqual(
        await proveConsistency(size1, size, rangesOf(leaves)),
      )
  })
  test('for what does not exist are refused', () => {
    expect(() => proveInclusion(3, 3, rangesOf(leaves))).toThrow(RangeError)
    expect(() => proveInclusion(Number.NaN, 3, rangesOf(leaves))).toThrow(RangeError)
    expect(() => proveConsistency(0, 3, rangesOf(leaves))).toThrow(RangeError)
    expect(() => proveSubtreeConsistency([1, 3], 8, rangesOf(leaves))).toThrow(RangeError)
  })
})
