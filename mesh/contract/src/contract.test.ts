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
  calendarLimit,
  limitText,
  parseLimit,
  type ParsedLimit,
  type WindowName,
  windowAt,
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
  test('can be smooth, alone or beside windows', () => {
    const smooth = { name: 'second', seconds: 1, max: 10, burst: 20 }
    expect(parseLimit('10/second burst 20 per person')).toEqual({
      ...{ scope: 'person', windows: [], smooth },
    })
    expect(parseLimit('9/year, 10/second burst 20 per address')).toEqual({
      scope: 'address',
      windows: [{ name: 'year', seconds: 31_536_000, max: 9 }],
      smooth,
    })
    expect(limitText(parseLimit('10/second burst 20, 9/day per person') as ParsedLimit)).toBe(
      '10/second burst 20 9/day',
    )
  })
  test('is believed from another process only as it could have been written', () => {
    const good = describe(
      contract('order', {
        list: endpoint({
          at: 'GET /orders',
          callers: ['gateway'],
          roles: 'anyone',
          limit: '10/second burst 20, 9/day per person',
        }),
      }),
    )
    const [list] = good.endpoints
    const reads = (limit: unknown): boolean =>
      contractDescriptorSchema.safeParse({ ...good, endpoints: [{ ...list, limit }] }).success
    const day = { name: 'day', seconds: 86_400, max: 9 }
    expect(reads(list?.limit)).toBe(true)
    expect(reads({ scope: 'person', windows: [day] })).toBe(true)
    expect(reads({ scope: 'person', windows: [] })).toBe(false)
    expect(reads({ scope: 'person', windows: [{ ...day, seconds: 1 }] })).toBe(false)
    expect(reads({ scope: 'person', windows: [], smooth: { ...day, burst: 0 } })).toBe(false)
  })
  test('is made of numbers, too', () => {
    expect(calendarLimit('person', { hour: 1000, second: 5, day: undefined })).toEqual(
      parseLimit('5/second, 1000/hour per person'),
    )
    expect(calendarLimit('person', {})).toBe('names no window')
    for (const second of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])
      expect(calendarLimit('person', { second })).toBe(`allows ${second} per second`)
  })
  test('has windows of the calendar, in UTC', () => {
    const at = (name: WindowName, text: string): string => {
      const { startMs, endMs } = windowAt(name, Date.parse(text))
      return `${new Date(startMs).toISOString()} ${new Date(endMs).toISOString()}`
    }
    expect(at('second', '2024-02-29T23:59:59.999Z')).toBe(
      '2024-02-29T23:59:59.000Z 2024-03-01T00:00:00.000Z',
    )
    expect(at('month', '2024-02-29T23:59:59.999Z')).toBe(
      '2024-02-01T00:00:00.000Z 2024-03-01T00:00:00.000Z',
    )
    expect(at('month', '2026-12-01T00:00:00.000Z')).toBe(
      '2026-12-01T00:00:00.000Z 2027-01-01T00:00:00.000Z',
    )
    expect(at('year', '2027-12-31T23:59:59.999Z')).toBe(
      '2027-01-01T00:00:00.000Z 2028-01-01T00:00:00.000Z',
    )
  })
  test.each([
    [undefined, 'has no limit'],
    ['10/second burst 0 per person', 'not of the form'],
    ['10/month burst 5 per person', 'changing length'],
    ['10/second burst 5, 10/minute burst 5 per person', 'more than one burst'],
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
