import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalPath } from './canonical-path.ts'

const path = (target: string): string => {
  const found = canonicalPath(target)
  return found.ok ? found.path : `refused: ${found.rule}`
}

describe('canonicalPath', () => {
  it.each([
    ['/', '/'],
    ['/orders', '/orders'],
    ['/orders/', '/orders/'],
    ['/orders/7f.json', '/orders/7f.json'],
    ['/%6frders/%41', '/orders/A'],
    ['/caf%c3%a9', '/caf%C3%A9'],
    ['/a%20b', '/a%20b'],
    ['/a%3ab', '/a%3Ab'],
    ['/.well-known/x', '/.well-known/x'],
    ['/a/...', '/a/...'],
  ])('keeps one form of %s', (target, expected) => {
    expect(path(target)).toBe(expected)
  })

  it.each([
    '',
    '*',
    'orders',
    'http://localhost/orders',
    '//evil/orders',
    '/orders//1',
    '/orders/..',
    '/orders/../admin',
    '/orders/./1',
    '/orders/%2e%2e/admin',
    '/orders/%2E./admin',
    '/.%2e',
    '/orders/..;/admin',
    '/orders;x=y',
    '/orders%3bx',
    '/a%2fb',
    '/a%2Fb',
    '/a%5cb',
    '/a\\b',
    '/a%00',
    '/a%0d%0ab',
    '/a%7f',
    '/a%252e',
    '/a%25%32%65',
    '/a%',
    '/a%2',
    '/a%zz',
    '/a%u002e',
    '/%c0%ae%c0%ae/admin',
    '/%e0%80%af',
    '/%ff',
    '/a b',
    '/caf\u00e9',
    '/a#b',
    '/a?b#c',
    '/a?b c',
    '/a"b',
    '/a<b>',
    '/a|b',
    '/a\u0000b',
  ])('refuses %j', (target) => {
    expect(path(target)).toMatch(/^refused: /)
  })

  it('keeps the query as it came', () => {
    expect(canonicalPath('/a?b=%2e%2E&c=//')).toEqual({
      ok: true,
      path: '/a',
      query: 'b=%2e%2E&c=//',
    })
  })

  it('is a fixed point: what it gives, it takes unchanged', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        '/',
        '.',
        '..',
        '%2e',
        '%2f',
        '%41',
        '%c3%a9',
        ';',
        '%25',
        '~',
        'a',
        '-',
        '?',
      ),
      fc.string({ maxLength: 3 }),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const found = canonicalPath(`/${pieces.join('')}`)
        if (!found.ok) return
        expect(canonicalPath(found.path)).toEqual({ ok: true, path: found.path, query: '' })
        const decoded = decodeURIComponent(found.path)
        expect(decoded.split('/').slice(1, -1)).not.toContain('')
        expect(decoded.split('/')).not.toContain('..')
        expect(decoded).not.toMatch(/[\\;%\0]/)
      }),
      { numRuns: 2_000 },
    )
  })
})
