import { describe, expect, test } from 'vitest'
import {
  firstRing,
  isRotationDue,
  type KeyRing,
  keysOf,
  publicKeys,
  rotate,
  type RotationBounds,
  withoutDead,
} from './key-ring.ts'

const bounds = (now: number): RotationBounds => ({
  now,
  everyMs: 1_000,
  publishedMsMin: 100,
  keptMs: 500,
  oldMax: 2,
})
const key = (kid: string, publishedAt: number) => ({
  kid,
  publishedAt,
  jwk: { kty: 'EC', crv: 'P-256', x: `x-${kid}`, y: `y-${kid}`, d: `secret-${kid}` },
})
const kids = (ring: KeyRing): string[] => keysOf(ring).map((each) => each.kid)
const rotated = (ring: KeyRing, fresh: string, now: number): KeyRing => {
  const next = rotate(ring, key(fresh, now), bounds(now))
  if (typeof next === 'string') throw new Error(next)
  return next
}

describe('a ring of signing keys', () => {
  const first = firstRing(key('a', 0), key('b', 0), 0)

  test('publishes the next key from the beginning, after the one that signs', () => {
    expect(kids(first)).toEqual(['a', 'b'])
  })
  test('is due when the current key has signed for long enough', () => {
    expect(isRotationDue(first, bounds(999))).toBe(false)
    expect(isRotationDue(first, bounds(1_000))).toBe(true)
  })
  test('signs with a key only after it was published for a while', () => {
    expect(rotate(first, key('c', 99), bounds(99))).toBe('PUBLISHED_TOO_RECENTLY')
    expect(kids(rotated(first, 'c', 100))).toEqual(['b', 'c', 'a'])
    expect(rotate(rotated(first, 'c', 100), key('d', 150), bounds(150))).toBe(
      'PUBLISHED_TOO_RECENTLY',
    )
  })
  test('keeps an old key until its last token is dead, and not longer', () => {
    const ring = rotated(first, 'c', 100)
    expect(withoutDead(ring, bounds(599))).toBe(ring)
    expect(kids(withoutDead(ring, bounds(600)))).toEqual(['b', 'c'])
  })
  test('does not grow without bound', () => {
    const ring = rotated(rotated(first, 'c', 100), 'd', 200)
    expect(rotate(ring, key('e', 300), bounds(300))).toBe('TOO_MANY_OLD_KEYS')
    expect(kids(rotated(ring, 'e', 650))).toEqual(['d', 'e', 'c', 'b'])
  })
  test('shows nothing private', () => {
    expect(JSON.stringify(publicKeys(rotated(first, 'c', 100)))).not.toContain('secret')
    expect(publicKeys(first)[0]).toEqual({
      ...{ kty: 'EC', crv: 'P-256', x: 'x-a', y: 'y-a' },
      ...{ kid: 'a', alg: 'ES256', use: 'sig' },
    })
  })
})
