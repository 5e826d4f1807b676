import { hash } from 'node:crypto'

/*
 * Hashing of a Merkle tree, after RFC 9162, section 2.1.1 (RFC 6962 is the same), with SHA-256.
 * A leaf is hashed behind the byte 0x00 and a node behind 0x01, so that neither can pass for the other.
 */

/** Bytes of a hash. */
export const HASH_BYTES = 32

const LEAF: Buffer = Buffer.from([0])

const sha256 = (data: Uint8Array): Buffer => hash('sha256', data, 'buffer')

/** Hash of the tree without leaves. */
export const EMPTY_TREE_HASH: Buffer = sha256(new Uint8Array(0))

/** Hash of one entry: SHA-256(0x00 || entry). */
export function hashLeaf(entry: Uint8Array): Buffer {
  return sha256(Buffer.concat([LEAF, entry]))
}

/** Hash of an inner node: SHA-256(0x01 || left || right). Both are hashes of 32 bytes. */
export function hashChildren(left: Uint8Array, right: Uint8Array): Buffer {
  const node = Buffer.allocUnsafe(1 + 2 * HASH_BYTES)
  node[0] = 1
  node.set(left, 1)
  node.set(right, 1 + HASH_BYTES)
  return sha256(node)
}

/** Whether two hashes are the same bytes. For public values only: takes a time that depends on them. */
export function sameHash(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
