import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  verifyConsistency,
  verifyInclusion,
  verifySubtreeConsistency,
  verifySubtreeInclusion,
} from './verify.ts'

const folder = join(import.meta.dirname, 'testdata')
interface Vector {
  readonly [name: string]: unknown
  readonly proof: readonly string[] | null
  readonly wantErr: boolean
}
const bytes = (text: unknown): Buffer => Buffer.from(String(text), 'base64')
const proofOf = (vector: Vector): Buffer[] => (vector.proof ?? []).map(bytes)

const verifiers: Record<string, (vector: Vector) => boolean> = {
  inclusion: (v) =>
    verifyInclusion({
      index: Number(v.leafIdx),
      size: Number(v.treeSize),
      leafHash: bytes(v.leafHash),
      root: bytes(v.root),
      proof: proofOf(v),
    }),
  consistency: (v) =>
    verifyConsistency({
      size1: Number(v.size1),
      size2: Number(v.size2),
      root1: bytes(v.root1),
      root2: bytes(v.root2),
      proof: proofOf(v),
    }),
  subtreeinclusion: (v) =>
    verifySubtreeInclusion({
      index: Number(v.leafIdx),
      start: Number(v.start),
      end: Number(v.end),
      leafHash: bytes(v.leafHash),
      root: bytes(v.root),
      proof: proofOf(v),
    }),
  subtreeconsistency: (v) =>
    verifySubtreeConsistency({
      start: Number(v.start),
      end: Number(v.end),
      size: Number(v.size),
      root1: bytes(v.root1),
      root2: bytes(v.root2),
      proof: proofOf(v),
    }),
}
const counts = { inclusion: 98, consistency: 98, subtreeinclusion: 204, subtreeconsistency: 118 }

describe('vectors of transparency-dev/merkle', () => {
  test.each(Object.entries(counts))('%s: the right verdict in all %i', (kind, count) => {
    const files = readdirSync(join(folder, kind), { recursive: true, encoding: 'utf8' })
    const vectors = files.filter((file) => file.endsWith('.json'))
    const wrong = vectors.filter((file) => {
      const vector: Vector = JSON.parse(readFileSync(join(folder, kind, file), 'utf8'))
      return verifiers[kind]?.(vector) !== !vector.wantErr
    })
    expect(wrong).toEqual([])
    expect(vectors).toHaveLength(count)
  })
})
