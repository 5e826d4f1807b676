import { expect, test } from 'vitest'
import { canonicalUsername, usernameFault } from './username.ts'

test.each([
  ['Alice', 'alice'],
  [' alice\n', 'alice'],
  ['ＡＬＩＣＥ', 'alice'],
  ['ﬁona', 'fiona'],
  ['A\u030angstro\u0308m', 'ångström'],
  ['İstanbul', 'i̇stanbul'],
])('%j is %j', (typed, canonical) => {
  expect(canonicalUsername(typed)).toBe(canonical)
  expect(canonicalUsername(canonical)).toBe(canonical)
})

test.each(['alice', 'a', '李雷', 'o.brien', 'a@b.example', 'ångström', 'x_1'])(
  '%j may be a name',
  (name) => expect(usernameFault(name)).toBeUndefined(),
)
test.each([
  '',
  'a b',
  '.a',
  'a.',
  'a\u0000',
  'a\nb',
  '\u001b[31m',
  'a\u202eb',
  'a/b',
  'a'.repeat(65),
])('%j may not', (name) => expect(usernameFault(name)).toBeTypeOf('string'))
