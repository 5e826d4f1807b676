import type { ContractDescriptor, EndpointDescriptor } from '@countersign/contract'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { buildTable, EMPTY_TABLE } from './route-table.ts'
import { overlap } from './route-tree.ts'

const endpoint = (name: string, at: string, callers = ['gateway']): EndpointDescriptor => {
  const [method = '', path = ''] = at.split(' ')
  return {
    name,
    method,
    path,
    callers,
    kind: path.endsWith('/*') ? 'mount' : 'json',
    roles: 'anyone',
    limit: { scope: 'person', windows: [{ name: 'second', seconds: 1, max: 5 }] },
    status: 200,
    audited: false,
    idempotent: false,
    timeoutMs: 1_000,
    bodyBytesMax: 1_024,
  }
}
const service = (name: string, endpoints: Record<string, string>): ContractDescriptor => ({
  service: name,
  endpoints: Object.entries(endpoints).map(([each, at]) => endpoint(each, at)),
})
const build = (...contracts: ContractDescriptor[]) => buildTable(contracts, EMPTY_TABLE)
const where = (table: ReturnType<typeof build>, at: string): string => {
  const [method = '', path = ''] = at.split(' ')
  const own = table.platform.match(method, path)
  const match = own.found || own.allow.length > 0 ? own : table.tree.match(method, path)
  return match.found ? match.route.label : `none, allow ${match.allow.join(' ')}`
}

describe('what a part of the platform lists the gateway for', () => {
  it('is asked by the gateway itself, and is no public route', () => {
    const table = build(
      service('control', { configuration: 'GET /control/configuration' }),
      service('authority', { publicDoor: 'POST /v1/public-door' }),
      service('identity', { provider: 'ANY /auth/*' }),
    )
    expect(table.routes.map(({ label }) => label)).toEqual(['identity.provider'])
    expect(where(table, 'GET /control/configuration')).toBe('none, allow ')
    expect(where(table, 'POST /v1/public-door')).toBe('none, allow ')
  })
})

describe('matching', () => {
  const table = build(
    service('order', {
      list: 'GET /orders',
      create: 'POST /orders',
      read: 'GET /orders/:id',
      newest: 'GET /orders/newest',
      lines: 'GET /orders/:id/lines',
    }),
    service('identity', { provider: 'ANY /auth/*' }),
  )
  it.each([
    ['GET /orders', 'order.list'],
    ['POST /orders', 'order.create'],
    ['GET /orders/7', 'order.read'],
    ['GET /orders/newest', 'order.newest'],
    ['GET /orders/newest/lines', 'order.lines'],
    ['GET /auth', 'identity.provider'],
    ['DELETE /auth/a/b/', 'identity.provider'],
    ['PUT /orders', 'none, allow GET POST'],
    ['POST /orders/7', 'none, allow GET'],
    ['GET /', 'none, allow '],
    ['GET /ordersX', 'none, allow '],
    ['GET /orders/', 'none, allow '],
    ['GET /orders/7/lines/1', 'none, allow '],
    ['GET /Orders', 'none, allow '],
    ['GET /authX', 'none, allow '],
  ])('%s is %s', (at, expected) => {
    expect(where(table, at)).toBe(expected)
  })

  it('closes what a public path would match but the service would answer for the mesh', () => {
    const table = build({
      service: 'payment',
      endpoints: [
        endpoint('read', 'GET /payments/:id'),
        endpoint('ping', 'GET /payments/ping', ['order']),
        endpoint('settle', 'PUT /payments/for/:order', ['order']),
      ],
    })
    expect(where(table, 'GET /payments/7')).toBe('payment.read')
    expect(where(table, 'GET /payments/ping')).toBe('none, allow ')
    expect(where(table, 'PUT /payments/ping')).toBe('none, allow GET')
    expect(where(table, 'PUT /payments/for/7')).toBe('none, allow ')
    expect(table.routes.map((route) => route.label)).toEqual(['payment.read'])
  })

  it('holds only what lists the gateway by name', () => {
    const inner = {
      service: 'inner',
      endpoints: [endpoint('a', 'GET /a', ['order']), endpoint('b', 'GET /b', ['*'])],
    }
    const table = build(inner)
    expect(table.routes).toEqual([])
    expect(where(table, 'GET /b')).toBe('none, allow ')
  })
})

describe('paths that two services claim', () => {
  it.each([
    ['/orders', '/orders', true],
    ['/orders/:id', '/orders/admin', true],
    ['/orders/:id/x', '/orders/:id', false],
    ['/auth/*', '/auth/login', true],
    ['/auth/*', '/auth', true],
    ['/auth/*', '/authX', false],
    ['/*', '/orders', true],
    ['/:a/x', '/b/:c', true],
    ['/a', '/b', false],
  ])('%s and %s overlap: %s', (a, b, expected) => {
    expect(overlap(a, b)).toBe(expected)
    expect(overlap(b, a)).toBe(expected)
  })

  const mine = service('order', { read: 'GET /orders/:id' })
  const theirs = service('evil', { grab: 'GET /orders/admin', other: 'GET /evil' })
  it('stay with the first owner, also when the other comes first later on', () => {
    const first = build(mine)
    const both = buildTable([theirs, mine], first)
    expect(where(both, 'GET /orders/admin')).toBe('order.read')
    expect(where(both, 'GET /evil')).toBe('evil.other')
    expect(both.disputed.map((each) => [each.route.label, each.owner])).toEqual([
      ['evil.grab', 'order'],
    ])
  })
  it('go over when the owner gives them up', () => {
    const both = buildTable([theirs, mine], build(mine))
    const after = buildTable([theirs], both)
    expect(where(after, 'GET /orders/admin')).toBe('evil.grab')
  })
  it('belong to the platform before anyone else', () => {
    const table = build(
      service('evil', { grab: 'POST /auth/token' }),
      service('identity', { provider: 'ANY /auth/*' }),
    )
    expect(where(table, 'POST /auth/token')).toBe('identity.provider')
  })
  it('never has one path for two services, whatever is claimed', () => {
    const path = fc
      .array(fc.constantFrom('a', 'b', ':x'), { minLength: 1, maxLength: 3 })
      .chain((parts) => fc.constantFrom(`/${parts.join('/')}`, `/${parts.join('/')}/*`))
    const claims = fc.array(fc.tuple(fc.constantFrom('s1', 's2', 's3'), path), { maxLength: 12 })
    fc.assert(
      fc.property(claims, (pairs) => {
        const table = build(
          ...pairs.map(([name, at], i) => service(name, { [`e${i}`]: `GET ${at}` })),
        )
        for (const one of table.routes)
          for (const two of table.routes)
            if (one.service !== two.service)
              expect(overlap(one.endpoint.path, two.endpoint.path)).toBe(false)
      }),
    )
  })
})
