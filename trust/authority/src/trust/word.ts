import { createHash } from 'node:crypto'
import type { RevocationWord, TrustState } from '@countersign/contract/platform'
import { bundleOf, compare, intermediatesOf } from './domain/trust-state.ts'

/** What every workload is told, whoever it is. */
export interface CommonWord {
  readonly revision: string
  readonly sequence: number
  readonly bundle: string
  readonly issuers: readonly string[]
  readonly revoked: readonly RevocationWord[]
}

/** Puts the word together. Its revision is the same wherever the same is known. */
export function wordOf(reading: TrustState, words: readonly RevocationWord[]): CommonWord {
  const sequence = reading.roots.version
  const bundle = bundleOf(reading)
  const signing = intermediatesOf(reading).filter(({ state }) => state === 'active')
  const issuers = signing.map(({ id }) => id).toSorted()
  const revoked = words.toSorted((a, b) => compare(keyOf(a), keyOf(b)))
  const hash = createHash('sha256').update(JSON.stringify([sequence, bundle, issuers, revoked]))
  return { revision: hash.digest('hex').slice(0, 32), sequence, bundle, issuers, revoked }
}

function keyOf(word: RevocationWord): string {
  return 'serial' in word ? `s${word.serial}` : `l${word.lineage}`
}
