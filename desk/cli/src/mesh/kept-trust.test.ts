import { expect, test } from 'vitest'
import { parseKeptTrust, revocationsOf } from './kept-trust.ts'

test('a kept list refuses what was taken back, by serial or lineage, and everything once it is too old', () => {
  const kept = parseKeptTrust(
    JSON.stringify({
      revoked: [
        { serial: 'a1', until: 10 },
        { lineage: 'b2', until: 10 },
      ],
      nextUpdate: 1_000,
    }),
  )
  let now = 999
  const list = revocationsOf(kept, () => now)
  expect(list.refusalOf({ serial: 'a1', lineage: undefined })).toBe('REVOKED')
  expect(list.refusalOf({ serial: 'c3', lineage: 'b2' })).toBe('REVOKED')
  // A serial is no lineage.
  expect(list.refusalOf({ serial: 'b2', lineage: 'a1' })).toBeUndefined()
  now = 1_000
  expect(list.refusalOf({ serial: 'c3', lineage: undefined })).toBe('LIST_TOO_OLD')
  expect(list.refusalOf({ serial: 'a1', lineage: undefined })).toBe('REVOKED')
})

test.each(['', '{', '{}', '{"revoked":[{"serial":"A1","until":1}],"nextUpdate":1}'])(
  'a damaged list is none: %j',
  (text) => {
    expect(() => parseKeptTrust(text)).toThrow()
  },
)
