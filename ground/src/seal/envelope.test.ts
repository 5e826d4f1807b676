import { createSecretKey, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { open, type SealKey, seal } from './envelope.ts'
import { SealError } from './errors.ts'
import { Keyring } from './keyring.ts'

const newKey = (id: string): SealKey => ({ id, key: createSecretKey(randomBytes(32)) })
const key = newKey('k1')
const bytes = fc.uint8Array({ maxLength: 300 })
const codeOf = (act: () => unknown): string | undefined => {
  try {
    act()
  } catch (error) {
    if (error instanceof SealError) return error.code
    throw error
  }
  return undefined
}

describe('an envelope', () => {
  it('gives back what was sealed, for the same key and place', () => {
    fc.assert(
      fc.property(bytes, fc.string(), (plaintext, aad) => {
        const envelope = seal(key, plaintext, aad)
        expect(envelope).toMatch(/^cs1\.k1\.[A-Za-z0-9_-]+$/)
        expect(open(key, envelope, aad)).toEqual(Buffer.from(plaintext))
      }),
    )
    expect(open(key, seal(key, 'grüße', ''), '').toString()).toBe('grüße')
  })

  it('never repeats itself', () => {
    const seen = new Set(Array.from({ length: 1_000 }, () => seal(key, 'same', 'place')))
    expect(seen.size).toBe(1_000)
  })

  it('does not open when any one bit of it is flipped', () => {
    fc.assert(
      fc.property(bytes, fc.nat(), (plaintext, at) => {
        const envelope = Buffer.from(seal(key, plaintext, 'place'))
        const bit = at % (envelope.length * 8)
        envelope[bit >> 3] = (envelope[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        expect(codeOf(() => open(key, envelope.toString('latin1'), 'place'))).toBeDefined()
      }),
      { numRuns: 3_000 },
    )
  })

  it('does not open in another place, or cut, or longer', () => {
    fc.assert(
      fc.property(bytes, fc.string(), fc.string(), (plaintext, here, there) => {
        fc.pre(here !== there)
        const envelope = seal(key, plaintext, here)
        expect(codeOf(() => open(key, envelope, there))).toBe('NOT_AUTHENTIC')
        for (const changed of [
          envelope.slice(0, -1),
          `${envelope}A`,
          `${envelope}=`,
          ` ${envelope}`,
        ]) {
          expect(codeOf(() => open(key, changed, here))).toBeDefined()
        }
      }),
    )
  })

  it('does not open with another key, even under the same id', () => {
    const envelope = seal(key, 'secret', 'place')
    expect(codeOf(() => open(newKey('k1'), envelope, 'place'))).toBe('NOT_AUTHENTIC')
    expect(codeOf(() => open(newKey('k2'), envelope, 'place'))).toBe('KEY_UNKNOWN')
    const renamed = { id: 'k2', key: key.key }
    const forged = envelope.replace('cs1.k1.', 'cs1.k2.')
    expect(codeOf(() => open(renamed, forged, 'place'))).toBe('NOT_AUTHENTIC')
  })

  it.each([
    '',
    'cs1',
    'cs1.k1.',
    'cs1.k1.AAAA',
    'cs2.k1.AAAA',
    'cs1.K1.AAAA',
    'cs1.k1.AA.AA',
    'cs1..AAAA',
  ])('that is %j is none', (text) =>
    expect(codeOf(() => open(key, text, ''))).toBe('ENVELOPE_MALFORMED'),
  )

  it('is not made for key ids that would not be read again', () => {
    for (const id of ['', 'A', 'a.b', 'a'.repeat(33)]) {
      expect(() => seal({ ...key, id }, 'x', '')).toThrow(TypeError)
    }
    expect(() => seal(key, new Uint8Array(1_048_577), '')).toThrow(RangeError)
  })
})

describe('a keyring', () => {
  it('seals with the current key and opens what older ones sealed', () => {
    const [first, second] = [newKey('k1'), newKey('k2')]
    const before = new Keyring(first).seal('value', 'place')
    const ring = new Keyring(second, [first])
    expect(ring.open(before, 'place').toString()).toBe('value')
    expect(ring.isOld(before)).toBe(true)
    expect(ring.isOld(ring.seal('value', 'place'))).toBe(false)
    expect(codeOf(() => new Keyring(second).open(before, 'place'))).toBe('KEY_UNKNOWN')
    expect(() => new Keyring(first, [{ ...second, id: 'k1' }])).toThrow(TypeError)
  })
})
