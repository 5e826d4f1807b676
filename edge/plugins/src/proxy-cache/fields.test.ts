import { expect, test } from 'vitest'
import {
  ageOf,
  combined,
  dateOf,
  members,
  opaqueTags,
  readDirectives,
  secondsOf,
} from './fields.ts'

test('reads Cache-Control as RFC 9111 section 5.2 writes it', () => {
  const read = (value: string) => Object.fromEntries(readDirectives(value))
  expect(read('No-Store, MAX-AGE=5')).toEqual({ 'no-store': true, 'max-age': '5' })
  expect(read('a="max-age=9, private", max-age=1')).toEqual({
    a: 'max-age=9, private',
    'max-age': '1',
  })
  expect(read('private="x, y",no-cache')).toEqual({ private: 'x, y', 'no-cache': true })
  // What is written badly is still seen where it forbids, and is no number where it allows.
  expect(read('=x, ;, no-store')).toMatchObject({ 'no-store': true })
  expect(secondsOf(readDirectives('max-age =9').get('max-age'))).toBe(0)
  expect(readDirectives('max-age=9, max-age=1').get('max-age')).toBe('1')
  expect(readDirectives('__proto__=1').get('__proto__')).toBe('1')
})

test('reads numbers and dates strictly', () => {
  expect([secondsOf('003'), secondsOf("'3'"), secondsOf('3.0'), secondsOf('-1')]).toEqual([
    3, 0, 0, 0,
  ])
  expect(secondsOf('9'.repeat(40))).toBe(2 ** 31)
  expect([ageOf(undefined), ageOf('7')]).toEqual([0, 7])
  for (const bad of ['', 'x', '-1', '1.0', '0, 0', '7;a=1']) expect(ageOf(bad)).toBe(2 ** 31)
  const ms = Date.UTC(1994, 10, 6, 8, 49, 37)
  expect(dateOf('Sun, 06 Nov 1994 08:49:37 GMT')).toBe(ms)
  expect(dateOf('Sunday, 06-Nov-94 08:49:37 GMT')).toBe(ms)
  expect(dateOf('Sun Nov  6 08:49:37 1994')).toBe(ms)
  for (const bad of ['0', '-1', 'Sun, 06 Nov 1994 08:49:37 CET', '1994-11-06', undefined])
    expect(dateOf(bad)).toBeUndefined()
})

test('reads lists', () => {
  expect(combined(['Vary', 'a', 'x', 'y', 'vary', 'B'], 'vary')).toBe('a, B')
  expect(members(' A , ,b')).toEqual(['a', 'b'])
  expect(opaqueTags('W/"a", "b,c", x, "d')).toEqual(['"a"', '"b,c"'])
})
