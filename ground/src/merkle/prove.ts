import { splitPoint, type RangeHash } from './tree.ts'

/*
 * Making proofs. A proof is first a list of ranges whose hashes the verifier lacks, from the leaves upwards;
 * only then are the hashes fetched, all at once.
 */
type Range = readonly [start: number, end: number]

/** Inclusion proof of the entry at `index` in the tree of `size` entries: RFC 9162, section 2.1.3.1. */
export function proveInclusion(
  index: number,
  size: number,
  hashOf: RangeHash,
): Promise<Uint8Array[]> {
  if (!(Number.isSafeInteger(size) && Number.isSafeInteger(index) && 0 <= index && index < size))
    throw new RangeError(`no entry ${index} in a tree of ${size}`)
  return fetchAll(inclusionRanges(index, [0, size]), hashOf)
}

/** Consistency proof from the tree of `size1` entries to that of `size2`: RFC 9162, section 2.1.4.1. */
export function proveConsistency(
  size1: number,
  size2: number,
  hashOf: RangeHash,
): Promise<Uint8Array[]> {
  return proveSubtreeConsistency([0, size1], size2, hashOf)
}

/**
 * Proof that the subtree over `[start, end)` is part of the tree of `size` entries:
 * SUBTREE_PROOF of draft-ietf-plants-merkle-tree-certs. Throws `RangeError` where that is no subtree.
 */
export function proveSubtreeConsistency(
  [start, end]: Range,
  size: number,
  hashOf: RangeHash,
): Promise<Uint8Array[]> {
  if (!isSubtree(start, end) || !(Number.isSafeInteger(size) && start < end && end <= size))
    throw new RangeError(`[${start}, ${end}) is no subtree of a tree of ${size}`)
  return fetchAll(subtreeRanges([start, end], [0, size], true), hashOf)
}

/** Whether `[start, end)` is a subtree: `start` is a multiple of the power of two that holds its width. */
export function isSubtree(start: number, end: number): boolean {
  if (!(Number.isSafeInteger(start) && Number.isSafeInteger(end) && 0 <= start && start <= end))
    return false
  let width = 1
  while (width < end - start) width *= 2
  return start % width === 0
}

function inclusionRanges(index: number, [from, to]: Range): readonly Range[] {
  if (to - from === 1) return []
  const middle = from + splitPoint(to - from)
  return index < middle
    ? [...inclusionRanges(index, [from, middle]), [middle, to]]
    : [...inclusionRanges(index, [middle, to]), [from, middle]]
}

// `known` says whether the verifier has the hash of this very range: it is the subtree that the proof is about.
function subtreeRanges([start, end]: Range, [from, to]: Range, known: boolean): readonly Range[] {
  if (start === from && end === to) return known ? [] : [[from, to]]
  const middle = from + splitPoint(to - from)
  if (end <= middle) return [...subtreeRanges([start, end], [from, middle], known), [middle, to]]
  if (start >= middle) return [...subtreeRanges([start, end], [middle, to], known), [from, middle]]
  return [...subtreeRanges([middle, end], [middle, to], false), [from, middle]]
}

function fetchAll(ranges: readonly Range[], hashOf: RangeHash): Promise<Uint8Array[]> {
  return Promise.all(ranges.map(([start, end]) => hashOf(start, end)))
}
