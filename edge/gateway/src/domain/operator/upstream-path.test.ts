import { expect, it } from 'vitest'
import { joinPath } from './upstream-path.ts'

/* Kong's table for path_handling (developer.konghq.com, entities/route): service path, route path, request, strip, result. */
// biome-ignore format: a table
const TABLE: readonly [string, string, string, boolean, 'v0' | 'v1', string][] = [
  ['/s',  '/fv0',  '/fv0/req',  false, 'v0', '/s/fv0/req'],
  ['/s',  '/fv0',  '/fv0',      false, 'v0', '/s/fv0'],
  ['/s',  '/fv1',  '/fv1/req',  false, 'v1', '/sfv1/req'],
  ['/s',  '/fv1',  '/fv1',      false, 'v1', '/sfv1'],
  ['/s',  '/tv0',  '/tv0/req',  true,  'v0', '/s/req'],
  ['/s',  '/tv0',  '/tv0',      true,  'v0', '/s'],
  ['/s',  '/tv1',  '/tv1/req',  true,  'v1', '/s/req'],
  ['/s',  '/tv1',  '/tv1',      true,  'v1', '/s'],
  ['/s',  '/fv0/', '/fv0/req',  false, 'v0', '/s/fv0/req'],
  ['/s',  '/fv0/', '/fv0/',     false, 'v0', '/s/fv0/'],
  ['/s',  '/fv1/', '/fv1/req',  false, 'v1', '/sfv1/req'],
  ['/s',  '/tv0/', '/tv0/req',  true,  'v0', '/s/req'],
  ['/s',  '/tv0/', '/tv0/',     true,  'v0', '/s/'],
  ['/s',  '/tv1/', '/tv1/req',  true,  'v1', '/sreq'],
  ['/s',  '/tv1/', '/tv1/',     true,  'v1', '/s'],
  ['/s/', '/fv0',  '/fv0/req',  false, 'v0', '/s/fv0/req'],
  ['/s/', '/fv1',  '/fv1/req',  false, 'v1', '/s/fv1/req'],
  ['/s/', '/tv0',  '/tv0/req',  true,  'v0', '/s/req'],
  ['/s/', '/tv0',  '/tv0',      true,  'v0', '/s'],
  ['/s/', '/tv1',  '/tv1/req',  true,  'v1', '/s/req'],
  ['/s/', '/tv1',  '/tv1',      true,  'v1', '/s/'],
  ['/s/', '/tv0/', '/tv0/',     true,  'v0', '/s/'],
  ['/',   '/t',    '/t',        true,  'v0', '/'],
  ['/',   '/t',    '/t/',       true,  'v0', '/'],
  ['/',   '/t',    '/t/x/',     true,  'v0', '/x/'],
  ['/',   '/t',    '/t/x',      false, 'v1', '/t/x'],
]
it.each(TABLE)(
  '%s and %s for %s, strip %s, %s: %s',
  (base, route, path, strip, handling, expected) => {
    expect(joinPath({ base, strip, handling }, path, route.length)).toBe(expected)
  },
)

it('joins the whole path where the route names none', () => {
  expect(joinPath({ base: '/s', strip: true, handling: 'v0' }, '/a/b', 0)).toBe('/s/a/b')
  expect(joinPath({ base: '/s', strip: true, handling: 'v1' }, '/a/b', 0)).toBe('/sa/b')
})

it('never gives what two programs could read differently', () => {
  const strip = { base: '/s', strip: true, handling: 'v0' } as const
  expect(joinPath(strip, '/a../b', '/a'.length)).toBeUndefined()
  expect(joinPath({ ...strip, base: '/' }, '/a%20b', '/a%'.length)).toBe('/20b')
  expect(joinPath({ base: '/s/.', strip: false, handling: 'v1' }, '/./x', 0)).toBeUndefined()
})
