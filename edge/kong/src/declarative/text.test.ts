import { describe, expect, test } from 'vitest'
import { MISTAKES_MAX } from '../limits.ts'
import { DeclarativeText } from './text.ts'

const broken = (text: string): readonly string[] => new DeclarativeText(text, 'kong.yml').broken

describe('a text that cannot be read', () => {
  test.each([
    ['an alias, where it stands', 'a: &x [1]\n\nb: *x', ['kong.yml:3: aliases are not allowed']],
    ['a merged alias', 'a: &x {b: 1}\nc:\n  <<: *x', ['kong.yml:3: aliases are not allowed']],
    ['a key twice', 'a: 1\nb: {c: 1, c: 2}', ['kong.yml:2: Map keys must be unique']],
    ['a key twice in two types', '1: a\n"1": b', ['kong.yml:2: Map keys must be unique']],
    ['a list as a key', '? [1, 2]\n: 3', ['kong.yml:1: a key must be a text']],
    [
      'an unknown tag',
      'a: 1\nb: !!js/function "x"',
      ['kong.yml:2: Unresolved tag: tag:yaml.org,2002:js/function'],
    ],
  ])('%s', (_, text, told) => expect(broken(text)).toEqual(told))

  test.each([
    ['garbage', '%: @ `\n'],
    ['what nobody closes', 'a: [\n'],
    ['tags', 'a: !x 1\n'],
    ['keys', 'a: 1\n'],
    ['aliases', '- *x\n'],
  ])('%s without end: so much of it is told', (_, line) => {
    const told = broken(line.repeat(4 * MISTAKES_MAX))
    expect(told.length).toBeGreaterThan(0)
    expect(told.length).toBeLessThanOrEqual(MISTAKES_MAX)
  })

  test('which nests without end', () => {
    for (const text of ['['.repeat(5_000), '- '.repeat(5_000), '{a: '.repeat(5_000)]) {
      const told = broken(text)
      expect(told.length).toBeGreaterThan(0)
      expect(told.length).toBeLessThanOrEqual(MISTAKES_MAX)
    }
  })
})
