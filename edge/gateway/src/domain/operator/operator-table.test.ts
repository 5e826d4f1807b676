import type { Route as KongRoute } from '@countersign/kong'
import { NOTHING_NARROWED } from '@countersign/policy'
import { describe, expect, it } from 'vitest'
import { OPERATOR_BOUNDS } from '../../limits.ts'
import { kongConfig, kongRoute, kongService } from '../../testing/kong-entities.ts'
import type { Asked } from './arm.ts'
import { compileKong } from './compile.ts'
import type { OperatorTable } from './operator-table.ts'
import { plainPrefix } from './path-rule.ts'

const using = { plugins: [], bounds: OPERATOR_BOUNDS, narrowing: NOTHING_NARROWED }
const service = kongService('legacy')

/** A table of routes by name. */
function tableOf(routes: Record<string, Partial<KongRoute>>): OperatorTable {
  const entities = Object.entries(routes).map(([name, more]) =>
    kongRoute(service, { name, ...more }),
  )
  const result = compileKong(kongConfig({ services: [service], routes: entities }), using)
  if (!result.ok) throw new Error(result.faults.join('\n'))
  return result.compiled.table
}
/** `GET host/path`, and what else there is of a request. */
function find(table: OperatorTable, at: string, more: Partial<Asked> = {}) {
  const [, method = '', host = '', path = ''] = /^(\S+) ([^/]*)(\/.*)$/.exec(at) ?? []
  return table.match({
    ...{ method, host, path, port: 443, headers: [], sni: undefined },
    ...{ address: '192.0.2.7', doorPort: 8443 },
    ...more,
  })
}
const named = (...asked: Parameters<typeof find>): string =>
  find(...asked)?.arm.route.operator?.name ?? 'none'

describe('a path', () => {
  const table = tableOf({
    root: { paths: ['/'] },
    orders: { paths: ['/orders'] },
    below: { paths: ['/orders/open/'] },
    longer: { paths: ['/orders/open/now'] },
    number: { paths: ['~/orders/(?<id>\\d+)'], methods: ['GET'] },
    files: { paths: ['~/files/[a-z]+\\.(png|jpg)$'] },
  })
  it.each([
    ['GET h/', 'root'],
    ['GET h/orders', 'orders'],
    ['GET h/orders/x', 'orders'],
    // Whole segments: what only begins with the same text is something else.
    ['GET h/ordersX', 'root'],
    ['GET h/orders/open', 'orders'],
    ['GET h/orders/open/', 'below'],
    ['GET h/orders/open/x', 'below'],
    ['GET h/orders/open/now', 'longer'],
    ['GET h/orders/open/nowhere', 'below'],
    ['GET h/orders/12', 'number'],
    ['GET h/orders/12/lines', 'number'],
    ['GET h/orders/12abc', 'orders'],
    ['POST h/orders/12', 'orders'],
    ['GET h/files/a.png', 'files'],
    ['GET h/files/a.png/x', 'root'],
    ['GET h/x/orders/12', 'root'],
  ])('%s goes to %s', (at, expected) => {
    expect(named(table, at)).toBe(expected)
  })
  it('gives what an expression has captured, and how much it took', () => {
    expect(find(table, 'GET h/orders/12/lines')).toMatchObject({
      cut: '/orders/12'.length,
      captures: { id: '12', 1: '12' },
    })
    expect(find(table, 'GET h/orders/open/now')?.cut).toBe('/orders/open/now'.length)
  })
  it('finds the longer way where the first match of an expression ends inside a segment', () => {
    const two = tableOf({ either: { paths: ['~/a|/abc'] } })
    expect(find(two, 'GET h/abc/d')?.cut).toBe(4)
    expect(named(two, 'GET h/ab')).toBe('none')
  })
  it('takes linear time, whatever the expression', () => {
    const table = tableOf({ slow: { paths: ['~/(a+)+$'] } })
    expect(named(table, `GET h/${'a'.repeat(5_000)}!`)).toBe('none')
  })
})

it.each([
  ['/orders/\\d+', '/orders/'],
  ['/ab?', '/a'],
  ['/ab*c', '/a'],
  ['/ab{2}', '/a'],
  ['/ab+', '/ab'],
  ['/a|/b', ''],
  ['/a(b|c)', '/a'],
  ['/a(b)|c', ''],
  ['/a[|]b', ''],
  ['/a[b]', '/a'],
  ['(?i)/a', ''],
  ['/a\\|b', '/a'],
  ['/a\\Q(\\E|/b', ''],
])('the expression %s begins with %j', (source, prefix) => {
  expect(plainPrefix(source)).toBe(prefix)
})

describe('hosts', () => {
  const table = tableOf({
    exact: { hosts: ['api.example.com'] },
    left: { hosts: ['*.example.com'] },
    right: { hosts: ['example.*'] },
    port: { hosts: ['ports.test:8443'], paths: ['/p'] },
    anywhere: { paths: ['/deep/path/of/no/host'] },
    upper: { hosts: ['Upper.Test'] },
  })
  it.each([
    ['GET api.example.com/', 'exact'],
    ['GET b.example.com/', 'left'],
    ['GET a.b.example.com/', 'left'],
    ['GET example.com/', 'right'],
    ['GET example.co.uk/', 'right'],
    ['GET notexample.com/', 'none'],
    ['GET example./', 'none'],
    ['GET ports.test/p', 'none'],
    ['GET other.test/deep/path/of/no/host', 'anywhere'],
    ['GET upper.test/', 'upper'],
  ])('%s goes to %s', (at, expected) => {
    expect(named(table, at)).toBe(expected)
  })
  it('are looked at with their port where a route names one', () => {
    expect(named(table, 'GET ports.test/p', { port: 8443 })).toBe('port')
  })
  it('are known to the door', () => {
    expect(
      ['x.example.com', 'example.net', 'ports.test', 'evil.test'].map((h) => table.knowsHost(h)),
    ).toEqual([true, true, true, false])
  })
})

describe('headers, names and addresses', () => {
  const table = tableOf({
    values: { paths: ['/h'], headers: { 'X-Version': ['one', 'Two'] } },
    pattern: { paths: ['/h'], headers: { 'x-client': ['~*^(ios|android)/[0-9]+'] } },
    both: { paths: ['/h'], headers: { 'x-version': ['one'], 'x-client': ['web'] } },
    sni: { paths: ['/s'], snis: ['secure.test.'] },
    near: { paths: ['/a'], sources: [{ ip: '192.0.2.0/29' }, { ip: '2001:db8::/32' }] },
    door: { paths: ['/d'], destinations: [{ port: 8443 }] },
    source: { paths: ['/x'], sources: [{ ip: '192.0.2.7', port: 5_000 }] },
  })
  it.each([
    ['GET h/h', { headers: ['x-version', 'TWO'] }, 'values'],
    ['GET h/h', { headers: ['X-VERSION', 'three'] }, 'none'],
    ['GET h/h', { headers: ['x-version', 'three', 'x-version', 'one'] }, 'values'],
    ['GET h/h', { headers: ['x-client', 'iOS/17'] }, 'pattern'],
    ['GET h/h', { headers: ['x-client', 'x ios/17'] }, 'none'],
    ['GET h/h', { headers: ['x-client', 'web', 'x-version', 'one'] }, 'both'],
    ['GET h/s', {}, 'none'],
    ['GET h/s', { sni: 'secure.test' }, 'sni'],
    ['GET h/a', {}, 'near'],
    ['GET h/a', { address: '192.0.2.8' }, 'none'],
    ['GET h/a', { address: '2001:db8::1' }, 'near'],
    ['GET h/d', {}, 'door'],
    ['GET h/d', { doorPort: 443 }, 'none'],
    // Nobody knows the client's own port behind the balancer.
    ['GET h/x', {}, 'none'],
  ])('%s with %j goes to %s', (at, more, expected) => {
    expect(named(table, at, more)).toBe(expected)
  })
})

describe('of several routes that fit', () => {
  const both = (one: Partial<KongRoute>, two: Partial<KongRoute>, at: string, more = {}): string =>
    named(tableOf({ one, two }), at, more)
  it('the one that names more goes first', () => {
    const long = { paths: ['/a/b/c'] }
    expect(both(long, { paths: ['/a'], methods: ['GET'] }, 'GET h/a/b/c')).toBe('two')
    expect(
      both(
        { hosts: ['h'], paths: ['/'] },
        { hosts: ['h'], methods: ['GET'], paths: ['/'] },
        'GET h/',
      ),
    ).toBe('two')
  })
  it('exact hosts go before wildcards, more headers before fewer', () => {
    expect(both({ hosts: ['*.h.test'] }, { hosts: ['a.h.test'] }, 'GET a.h.test/')).toBe('two')
    const headers = ['a', '1', 'b', '1']
    expect(
      both({ headers: { a: ['1'] } }, { headers: { a: ['1'], b: ['1'] } }, 'GET h/', { headers }),
    ).toBe('two')
  })
  it('expressions go before prefixes, the higher regex_priority first', () => {
    expect(both({ paths: ['/a/b/c/d'] }, { paths: ['~/a'] }, 'GET h/a/b/c/d')).toBe('two')
    const low = { paths: ['~/a/b'], regex_priority: 1 }
    expect(both(low, { paths: ['~/a'], regex_priority: 5 }, 'GET h/a/b')).toBe('two')
    // For prefixes it means nothing.
    expect(both({ paths: ['/a'], regex_priority: 9 }, { paths: ['/a/b'] }, 'GET h/a/b')).toBe('two')
  })
  it('the longer prefix goes first, then the older route', () => {
    expect(both({ paths: ['/a'] }, { paths: ['/a/b'] }, 'GET h/a/b')).toBe('two')
    const older = { paths: ['/a'], created_at: 1 }
    expect(both({ paths: ['/a'] }, older, 'GET h/a')).toBe('two')
  })
  it('a route counts for each of its paths by itself', () => {
    const table = tableOf({ one: { paths: ['/a', '/a/b/c'] }, two: { paths: ['/a/b'] } })
    expect([named(table, 'GET h/a/b/x'), named(table, 'GET h/a/b/c')]).toEqual(['two', 'one'])
  })
})

describe('what cannot be served', () => {
  it('is told all at once, and what has no effect is noted', () => {
    const entities = [
      kongRoute(service, { name: 'look', paths: ['~/a(?=b)', '/a/../b', '/ok'] }),
      kongRoute(service, { name: 'host', hosts: ['a b'] }),
      kongRoute(service, { name: 'from', paths: ['/f'], sources: [{ ip: '300.1.1.1' }] }),
      kongRoute({ ...service, id: 'gone' }, { name: 'lost', paths: ['/l'] }),
    ]
    const inner = kongService('control')
    const result = compileKong(kongConfig({ services: [service, inner], routes: entities }), using)
    expect(result).toEqual({
      ok: false,
      faults: [
        'service control-service: its host control is a part of the platform, which no route may lead to',
        expect.stringMatching(/^route look: not an expression of RE2: /),
        'route look: the path has a "." or ".." segment',
        'route host: "a b" is no host',
        'route from: "300.1.1.1" is no address and no network',
        'route lost: there is no service gone',
      ],
    })
  })
  it('is a note where it only has no effect', () => {
    const plain = kongRoute(service, { name: 'plain', protocols: ['http'], paths: ['/p'] })
    const off = kongService('off', { enabled: false })
    const behind = kongRoute(off, { name: 'behind', paths: ['/o'] })
    const result = compileKong(
      kongConfig({ services: [service, off], routes: [plain, behind] }),
      using,
    )
    expect(result.ok && result.compiled.routes).toEqual([])
    expect(result.ok && result.compiled.notes).toEqual([
      expect.stringMatching(/^route plain: never matches: this door speaks TLS only/),
    ])
  })
})

it('thousands of routes are found through their host and prefix', () => {
  const routes: Record<string, Partial<KongRoute>> = {}
  for (let i = 0; i < 5_000; i++)
    routes[`r${i}`] = { hosts: i % 2 === 0 ? [`h${i % 100}.test`] : null, paths: [`/p${i}/x`] }
  const table = tableOf(routes)
  expect(table.size).toBe(5_000)
  expect(named(table, 'GET h42.test/p4042/x/y')).toBe('r4042')
  expect(named(table, 'GET h43.test/p4042/x/y')).toBe('none')
  expect(named(table, 'GET any.test/p4999/x')).toBe('r4999')
})
