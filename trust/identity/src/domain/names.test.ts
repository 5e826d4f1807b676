import { describe, expect, test } from 'vitest'
import { sourceOf } from './source.ts'
import { canonicalUsername } from './username.ts'

describe('a user name', () => {
  test.each(['alice', ' Alice\t', 'ALICE', 'ａｌｉｃｅ', 'Ａlice '])('%j is alice', (typed) => {
    expect(canonicalUsername(typed)).toBe('alice')
  })
  test('is the same however often it is made canonical', () => {
    for (const typed of ['İstanbul', 'ﬁ', 'ǅ', 'Å', 'ß']) {
      const once = canonicalUsername(typed)
      expect(canonicalUsername(once)).toBe(once)
    }
  })
})

describe('a source', () => {
  test.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002:ffff::', '2001:db8:1:2::/64'],
    ['2001:db8::9', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['64:ff9b::192.0.2.7', '64:ff9b:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['not an address', 'unknown'],
    ['', 'unknown'],
    [undefined, 'unknown'],
  ])('%j counts as %j', (address, source) => {
    expect(sourceOf(address)).toBe(source)
  })
})
