import { describe, expect, it } from 'vitest'
import type { OutsideRoute } from './outside-route.ts'
import { Router } from './router.ts'

const route = (method: OutsideRoute['method'], path: string): OutsideRoute => ({
  method,
  path,
  handle: () => ({ status: 200, headers: {}, body: '' }),
})
const router = new Router([
  route('GET', '/'),
  route('GET', '/crl/:id.crl'),
  route('GET', '/crl/:id.pem'),
  route('GET', '/ocsp/*request'),
  route('POST', '/ocsp'),
  route('HEAD', '/acme/nonce'),
  route('GET', '/acme/nonce'),
  route('POST', '/acme/:kind/:id'),
  route('POST', '/acme/order/new'),
])

// biome-ignore format: a table
const matches: [string, string, string, Record<string, string>][] = [
  ['GET',  '/',                      '/',                {}],
  ['GET',  '/crl/abc.crl',           '/crl/:id.crl',     { id: 'abc' }],
  ['GET',  '/crl/abc.pem',           '/crl/:id.pem',     { id: 'abc' }],
  ['GET',  '/crl/a.crl.crl',         '/crl/:id.crl',     { id: 'a.crl' }],
  ['GET',  '/crl/a%62c.crl',         '/crl/:id.crl',     { id: 'abc' }],
  ['GET',  '/ocsp/ab%2Fc%3D',        '/ocsp/*request',   { request: 'ab/c=' }],
  ['GET',  '/ocsp/ab//c+/d=',        '/ocsp/*request',   { request: 'ab//c+/d=' }],
  ['HEAD', '/',                      '/',                {}],
  ['HEAD', '/acme/nonce',            '/acme/nonce',      {}],
  ['POST', '/acme/order/1',          '/acme/:kind/:id',  { kind: 'order', id: '1' }],
  ['POST', '/acme/order/new',        '/acme/order/new',  {}],
]
// biome-ignore format: a table
const refusals: [string, string, string][] = [
  ['GET',    '',                      'ROUTE_UNKNOWN'],
  ['GET',    '/crl',                  'ROUTE_UNKNOWN'],
  ['GET',    '/CRL/abc.crl',          'ROUTE_UNKNOWN'],
  ['GET',    '//crl/abc.crl',         'ROUTE_UNKNOWN'],
  ['GET',    '/crl/abc.crl/',         'ROUTE_UNKNOWN'],
  ['GET',    '/crl/.crl',             'ROUTE_UNKNOWN'],
  ['GET',    '/crl/...crl',           'ROUTE_UNKNOWN'],
  ['GET',    '/crl/a%2Fb.crl',        'ROUTE_UNKNOWN'],
  ['GET',    '/crl%2Fabc.crl',        'ROUTE_UNKNOWN'],
  ['GET',    '/crl/a%00.crl',         'ROUTE_UNKNOWN'],
  ['GET',    '/x/../crl/abc.crl',     'ROUTE_UNKNOWN'],
  ['GET',    '/crl/%zz.crl',          'REQUEST_INVALID'],
  ['GET',    '/crl/%ff.crl',          'REQUEST_INVALID'],
  ['GET',    '/ocsp/',                'ROUTE_UNKNOWN'],
  ['GET',    '/ocsp',                 'METHOD_NOT_ALLOWED'],
  ['POST',   '/',                     'METHOD_NOT_ALLOWED'],
  ['DELETE', '/crl/abc.crl',          'METHOD_NOT_ALLOWED'],
  ['HEAD',   '/ocsp',                 'METHOD_NOT_ALLOWED'],
  ['get',    '/',                     'METHOD_NOT_ALLOWED'],
  ['POST',   '/acme/__proto__/../x',  'ROUTE_UNKNOWN'],
]

describe('the router of the outside door', () => {
  it.each(matches)('%s %s is %s', (method, path, pattern, params) => {
    const found = router.match(method, path)
    expect(found.route.path).toBe(pattern)
    expect(found.params).toEqual(params)
  })

  it.each(refusals)('%s %s is refused with %s', (method, path, code) => {
    expect(() => router.match(method, path)).toThrow(expect.objectContaining({ code }))
  })

  it('prefers a HEAD of its own', () => {
    expect(router.match('HEAD', '/acme/nonce').route.method).toBe('HEAD')
    expect(router.match('HEAD', '/').route.method).toBe('GET')
  })

  it('says which methods there are', () => {
    const refusal = { facts: { headers: { allow: 'GET, HEAD' } } }
    expect(() => router.match('PUT', '/')).toThrow(expect.objectContaining(refusal))
  })

  it('refuses a table that cannot be meant', () => {
    const twice = [route('GET', '/a'), route('GET', '/a')]
    const large = [{ ...route('POST', '/a'), bodyBytesMax: 1_000_000 }]
    for (const table of [
      twice,
      large,
      [route('GET', 'a')],
      [route('GET', '/*a/b')],
      [route('GET', '/a b')],
    ])
      expect(() => new Router(table)).toThrow(TypeError)
  })
})
