import { describe as group, expect, test } from 'vitest'
import { z } from 'zod'
import {
  contract,
  ContractError,
  contractDescriptorSchema,
  describe,
  endpoint,
  matrix,
  openapi,
  parseLimit,
  workloadId,
  workloadName,
} from './index.ts'

const payment = contract('payment', {
  charge: endpoint({
    at: 'POST /payments',
    callers: ['order'],
    roles: ['customer'],
    limit: '20/minute per person',
    body: z.strictObject({ orderId: z.uuid(), amountMinor: z.int().positive() }),
    reply: z.strictObject({ paymentId: z.string() }),
    status: 201,
  }),
  read: endpoint({
    at: 'GET /payments/:id',
    callers: ['gateway'],
    roles: ['admin', 'support'],
    limit: '50/second per person',
    reply: z.strictObject({ paymentId: z.string() }),
  }),
})

group('a contract', () => {
  test('becomes plain data that survives the wire', () => {
    const descriptor = describe(payment)
    expect(contractDescriptorSchema.parse(JSON.parse(JSON.stringify(descriptor)))).toEqual(
      descriptor,
    )
    expect(descriptor.endpoints[0]).toMatchObject({
      name: 'charge',
      method: 'POST',
      status: 201,
      audited: true,
      idempotent: false,
    })
    expect(descriptor.endpoints[1]).toMatchObject({
      name: 'read',
      method: 'GET',
      status: 200,
      audited: false,
      idempotent: true,
    })
  })

  test('without callers, roles or limit does not start, and every endpoint at fault is named', () => {
    const careless = contract('careless', {
      open: { at: 'GET /open', roles: 'anyone', limit: '5/second per person' } as never,
      endless: { at: 'GET /endless', callers: ['gateway'], roles: 'anyone' } as never,
      nobody: { at: 'GET /nobody', callers: ['gateway'], limit: '1/second per person' } as never,
    })
    expect(() => describe(careless)).toThrow(ContractError)
    try {
      describe(careless)
    } catch (error) {
      expect((error as ContractError).mistakes).toEqual([
        expect.stringContaining('endpoint "open" has no callers'),
        expect.stringContaining('endpoint "endless" has no limit'),
        expect.stringContaining('endpoint "nobody" has no roles'),
      ])
    }
  })

  test.each([
    [
      'two endpoints at one place',
      { a: 'GET /a/:id', b: 'GET /a/:other' },
      'same method and path as "a"',
    ],
    ['a path with a dot segment', { a: 'GET /a/%2e' }, 'is not a method and a path'],
    ['a method nobody knows', { a: 'TRACE /a' }, 'is not a method and a path'],
  ])('refuses %s', (_, endpoints, message) => {
    const made = Object.entries(endpoints).map(([name, at]) => [
      name,
      { at, callers: ['gateway'], roles: 'anyone', limit: '1/second per person' },
    ])
    expect(() => describe(contract('x', Object.fromEntries(made)))).toThrow(message)
  })

  test('prints its matrix and its OpenAPI page', () => {
    expect(matrix([describe(payment)], ['admin', 'customer'])).toBe(
      [
        'endpoint                         admin  customer  callers  limit',
        'payment.charge  POST /payments   -      yes       order    20/minute per person',
        'payment.read  GET /payments/:id  yes    -         gateway  50/second per person',
        '',
      ].join('\n'),
    )
    const page = openapi(payment) as any
    expect(page.openapi).toBe('3.1.0')
    expect(
      page.paths['/payments'].post.requestBody.content['application/json'].schema.required,
    ).toEqual(['orderId', 'amountMinor'])
    expect(page.paths['/payments/{id}'].get.parameters[0]).toMatchObject({
      name: 'id',
      in: 'path',
      required: true,
    })
    expect(
      page.paths['/payments'].post.responses.default.content['application/problem+json'],
    ).toBeDefined()
  })
})

group('a limit', () => {
  test('is read with its windows in order', () => {
    expect(parseLimit('1000/hour, 5/second per person')).toEqual({
      scope: 'person',
      windows: [
        { name: 'second', seconds: 1, max: 5 },
        { name: 'hour', seconds: 3600, max: 1000 },
      ],
    })
  })
  test.each([
    [undefined, 'has no limit'],
    ['5/second', 'not of the form'],
    ['0/second per person', 'not of the form'],
    ['5/second, 3/hour per person', 'allows less per hour than per second'],
    ['5/second, 6/second per person', 'twice'],
    ['-1/second per person', 'not of the form'],
  ])('%s is refused', (text, message) => {
    expect(parseLimit(text)).toContain(message)
  })
})

group('a workload has one name', () => {
  test.each([
    ['order', 'spiffe://example.org/service/order'],
    ['gateway', 'spiffe://example.org/gateway/public'],
    ['authority', 'spiffe://example.org/platform/authority'],
  ])('%s is %s and back', (name, id) => {
    expect(workloadId('example.org', name)).toBe(id)
    expect(workloadName('example.org', id)).toBe(name)
  })
  test.each([
    'spiffe://other.org/service/order',
    'spiffe://example.org/service/authority',
    'spiffe://example.org/platform/order',
    'spiffe://example.org/service/order/x',
    'spiffe://example.org/gateway/order',
    'spiffe://example.org',
  ])('%s is nobody', (id) => {
    expect(workloadName('example.org', id)).toBeUndefined()
  })
})
