import { describe, expect, test } from 'vitest'
import { FormError, nestForm } from './form.ts'

const form = (text: string): unknown =>
  JSON.parse(JSON.stringify(nestForm(new URLSearchParams(text))))

describe('names of a form', () => {
  test.each([
    ['a.b=c&a.d=e', { a: { b: 'c', d: 'e' } }],
    ['x[]=1&x[]=2', { x: ['1', '2'] }],
    ['x[2]=b&x[1]=a', { x: ['a', 'b'] }],
    ['x=1&x=2&x=3', { x: ['1', '2', '3'] }],
    ['x[1]=a&x[]=b', { x: ['a', 'b'] }],
    [
      'config.add.headers[1]=a:b&config.add.headers[2]=c:d',
      { config: { add: { headers: ['a:b', 'c:d'] } } },
    ],
    ['sources[1].ip=1.2.3.4&sources[1].port=5', { sources: [{ ip: '1.2.3.4', port: '5' }] }],
    ['headers[x-a]=1', { headers: { 'x-a': '1' } }],
    ['a=', { a: '' }],
    ['', {}],
  ])('%s', (text, expected) => expect(form(text)).toEqual(expected))

  test('can be called like anything, and reach no prototype', () => {
    const nested = nestForm(
      new URLSearchParams('__proto__.polluted=1&constructor.prototype.polluted=1&a.__proto__=2'),
    )
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
    expect(Object.keys(nested)).toEqual(['__proto__', 'constructor', 'a'])
  })

  test.each([
    'a=1&a.b=2',
    'a.b=1&a=2',
    'a[]=1&a.b=2',
    'x[0]=a',
    'x[1001]=a',
    `${'a.'.repeat(40)}b=1`,
    'a[=1',
    '.=1',
    Array.from({ length: 2_001 }, (_, i) => `f${i}=1`).join('&'),
  ])('%#: what cannot be nested is refused', (text) => expect(() => form(text)).toThrow(FormError))
})
