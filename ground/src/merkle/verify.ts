import { EMPTY_TREE_HASH, HASH_BYTES, hashChildren, sameHash } from './hash.ts'
import { isSubtree } from './prove.ts'

/*
 * Verifying proofs. All input is hostile. Each function states what must hold and answers no in any doubt;
 * numbers that a JavaScript number cannot hold exactly are refused. Halving is division, since sizes exceed 32 bits.
 */

export interface InclusionClaim {
  readonly index: number
  /** Entries of the tree. */
  readonly size: number
  readonly leafHash: Uint8Array
  readonly proof: readonly Uint8Array[]
  readonly root: Uint8Array
}

/** Whether the entry with this hash lies at `index` of the tree: RFC 9162, section 2.1.3.2. */
export function verifyInclusion({ index, size, leafHash, proof, root }: InclusionClaim): boolean {
  if (!isCount(index) || !isCount(size) || !(index < size)) return false
  if (!areHashes([leafHash, root]) || !areHashes(proof)) return false
  let fn = index
  let sn = size - 1
  let hash = leafHash
  for (const sibling of proof) {
    if (sn === 0) return false
    if (isOdd(fn) || fn === sn) {
      hash = hashChildren(sibling, hash)
      while (!isOdd(fn) && fn !== 0) [fn, sn] = [half(fn), half(sn)]
    } else {
      hash = hashChildren(hash, sibling)
    }
    ;[fn, sn] = [half(fn), half(sn)]
  }
  return sn === 0 && sameHash(hash, root)
}

/** Whether the entry lies at `index` of the subtree over `[start, end)`; `index` counts from the start of the log. */
export function verifySubtreeInclusion(
  claim: Omit<InclusionClaim, 'size'> & { readonly start: number; readonly end: number },
): boolean {
  const { start, end, index } = claim
  if (!isSubtree(start, end) || !isCount(index) || !(start <= index && index < end)) return false
  return verifyInclusion({ ...claim, index: index - start, size: end - start })
}

export interface ConsistencyClaim {
  readonly size1: number
  readonly size2: number
  readonly root1: Uint8Array
  readonly root2: Uint8Array
  readonly proof: readonly Uint8Array[]
}

/**
 * Whether the tree of `size1` entries is the beginning of that of `size2`: RFC 9162, section 2.1.4.2.
 * A proof from the empty tree to a larger one means nothing and is refused.
 */
export function verifyConsistency(claim: ConsistencyClaim): boolean {
  const { size1, size2, root1, root2, proof } = claim
  if (!isCount(size1) || !isCount(size2) || !(size1 <= size2)) return false
  // Of two empty trees both roots are known; from the empty tree to a larger one there is nothing to prove.
  if (size1 === 0 && (size2 !== 0 || !sameHash(root1, root2))) return false
  return verifySubtreeConsistency({ start: 0, end: size1, size: size2, root1, root2, proof })
}

export interface SubtreeClaim {
  readonly start: number
  readonly end: number
  readonly size: number
  /** Hash of the subtree over `[start, end)`. */
  readonly root1: Uint8Array
  /** Hash of the tree of `size` entries. */
  readonly root2: Uint8Array
  readonly proof: readonly Uint8Array[]
}

/**
 * Whether the subtree is part of the tree: draft-ietf-plants-merkle-tree-certs, subtree consistency proofs.
 * The empty subtree is part of every tree; its only right hash is that of the empty tree.
 */
export function verifySubtreeConsistency(claim: SubtreeClaim): boolean {
  const { start, end, size, root1, root2, proof } = claim
  if (!isSubtree(start, end) || !isCount(size) || !(end <= size)) return false
  if (start === end) return proof.length === 0 && sameHash(root1, EMPTY_TREE_HASH)
  if (start === 0 && end === size) return proof.length === 0 && sameHash(root1, root2)
  if (!areHashes([root1, root2]) || !areHashes(proof)) return false
  return climb(claim)
}

function climb({ start, end, size, root1, root2, proof }: SubtreeClaim): boolean {
  let [fn, sn, tn] = [start, end - 1, size - 1]
  const halve = (): unknown => ([fn, sn, tn] = [half(fn), half(sn), half(tn)])
  if (end === size) while (fn !== sn) halve()
  else while (fn !== sn && isOdd(sn)) halve()
  const [first, ...others] = fn === sn ? [root1, ...proof] : proof
  if (first === undefined) return false
  let subtree = first
  let tree = first
  for (const hash of others) {
    if (tn === 0) return false
    if (isOdd(sn) || sn === tn) {
      if (fn < sn) subtree = hashChildren(hash, subtree)
      tree = hashChildren(hash, tree)
      while (!isOdd(sn) && sn !== 0) halve()
    } else {
      tree = hashChildren(tree, hash)
    }
    halve()
  }
  return tn === 0 && sameHash(subtree, root1) && sameHash(tree, root2)
}

const isCount = (n: number): boolean => Number.isSafeInteger(n) && n >= 0
const isOdd = (n: number): boolean => n % 2 === 1
const half = (n: number): number => Math.floor(n / 2)
const areHashes = (hashes: readonly Uint8Array[]): boolean =>
  hashes.every((hash) => hash.length === HASH_BYTES)
