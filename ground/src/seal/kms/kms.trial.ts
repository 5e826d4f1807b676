import { inspect } from 'node:util'
import { expect, it } from 'vitest'
import { SealError } from '../errors.ts'
import { newMasterKey } from '../master-key.ts'
import type { Kms } from './kms.ts'

/** What every `Kms` keeps. `mine` and `other` hold different keys; `away` is one whose key is not there. */
export function kmsTrial(make: () => { mine: Kms; other: Kms; away: () => Kms }): void {
  const refusalOf = (act: () => unknown): SealError => {
    try {
      act()
    } catch (error) {
      if (error instanceof SealError) return error
      throw error
    }
    throw new Error('nothing was thrown')
  }

  it('gives back the key that it wrapped', () => {
    const { mine } = make()
    const key = newMasterKey()
    const blob = mine.wrap(key)
    expect(mine.unwrap(blob).equals(key)).toBe(true)
    expect(blob.length).toBeLessThan(4_096)
  })

  it('makes two blobs of one key, and neither shows it', () => {
    const { mine } = make()
    const key = newMasterKey()
    const blobs = [mine.wrap(key), mine.wrap(key)]
    expect(blobs[0]).not.toBe(blobs[1])
    for (const blob of blobs) {
      expect(blob).not.toContain(key.export().toString('base64url'))
      expect(blob).not.toContain(key.export().toString('hex'))
    }
  })

  it('refuses a blob that was changed anywhere', () => {
    const { mine } = make()
    const key = newMasterKey()
    const blob = mine.wrap(key)
    for (const at of [0, 12, Math.floor(blob.length / 2), blob.length - 4]) {
      const letter = blob[at] === 'B' ? 'C' : 'B'
      const changed = blob.slice(0, at) + letter + blob.slice(at + 1)
      const refusal = refusalOf(() => mine.unwrap(changed))
      expect(refusal.code).toBe('KMS_REFUSED')
      expect(inspect(refusal)).not.toContain(key.export().toString('hex'))
    }
  })

  it('refuses what is no blob at all', () => {
    const { mine } = make()
    for (const blob of ['', 'x', 'oaep-sha1.', 'oaep-sha1.AAAA', 'cs1.k.AAAA', 'A'.repeat(20_000)])
      expect(refusalOf(() => mine.unwrap(blob)).code).toBe('KMS_REFUSED')
  })

  it('does not open what another wrapped', () => {
    const { mine, other } = make()
    const blob = other.wrap(newMasterKey())
    expect(refusalOf(() => mine.unwrap(blob)).code).toBe('KMS_REFUSED')
  })

  it('says so where its key is not there', () => {
    const { mine, away } = make()
    const blob = mine.wrap(newMasterKey())
    expect(refusalOf(() => away().unwrap(blob)).code).toMatch(/^(KEY_FILE|KMS_UNAVAILABLE)$/)
  })
}
