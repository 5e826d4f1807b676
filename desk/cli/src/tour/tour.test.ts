import { contract as orderContract } from '@countersign/order/contract'
import { describe, expect, test } from 'vitest'
import { explanation } from '../explain/explanation.ts'
import { colours } from '../terminal/colours.ts'
import { DEMO_ORDER } from './demo-order.ts'
import { renderTour, reportOf } from './report.ts'
import { event, spiffe, wellEvidence, withEvents } from './tour.fixture.ts'

const well = wellEvidence()
const order = { status: 0, requestId: '', entries: [], ...well.order }

describe('the tour', () => {
  test('proves seven steps and nine hops where all is well', () => {
    const report = reportOf(well)
    expect(report).toMatchObject({ ok: true, broken: null, status: 201 })
    expect(report.steps.map((step) => step.number)).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(report.hops.map((hop) => `${hop.from} ${hop.to}`)).toEqual([
      'user balancer',
      'balancer gateway',
      'gateway order',
      'order payment',
      'payment database',
      'payment order',
      'order gateway',
      'gateway balancer',
      'balancer user',
    ])
    for (const row of [...report.steps, ...report.hops]) {
      expect(row).toMatchObject({ proven: true, fault: null })
      expect(Object.keys(row.proof ?? {}).length).toBeGreaterThan(0)
    }
    expect(renderTour(report, colours(false))).toContain('All 7 steps and 9 hops are proven.')
  })

  test('names the hop at which a service is missing, and what was said there', () => {
    const http = { response: { status_code: 503 } }
    const refused = withEvents({ ...well, order: { ...order, status: 503 } }, (each) => {
      if (each.serviceName === 'payment') return undefined
      if (each.serviceName !== 'order') return { ...each, http, status: 'failure' }
      return {
        ...each,
        http,
        status: 'failure',
        event: { ...each.event, code: 'NO_INSTANCE' },
        countersign: { rule: 'no instance of payment is known' },
      }
    })
    const report = reportOf(refused)
    expect(report.broken).toBe(
      'hop 4, order to payment: payment has recorded no call from order; order said: NO_INSTANCE, no instance of payment is known',
    )
    expect(report.hops.map((hop) => hop.proven)).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
      false,
      false,
      false,
    ])
  })

  test('believes no caller but the right one', () => {
    const report = reportOf(
      withEvents(well, (each) =>
        each.serviceName === 'payment'
          ? { ...each, client: { workload: spiffe('service/hello') } }
          : each,
      ),
    )
    expect(report.broken).toContain('hop 4')
    expect(report.broken).toContain('was called by spiffe://countersign.local/service/hello')
  })

  test('believes no answer but that of the right peer', () => {
    const report = reportOf(
      withEvents(well, (each) => {
        if (each.serviceName !== 'order') return each
        const downstream = [{ hop: 'payment.charge', status: 201, peer: spiffe('service/hello') }]
        return { ...each, countersign: { ...each.countersign, downstream } }
      }),
    )
    expect(report.broken).toMatch(/^hop 6, payment to order: order was answered by .*hello/)
  })

  test('names the step where a service acts for somebody else', () => {
    const report = reportOf(
      withEvents(well, (each) =>
        each.serviceName === 'payment' ? { ...each, userId: 'mallory' } : each,
      ),
    )
    expect(report.broken).toContain('step 6')
  })

  test('names the step where an entry is not proven to be in the log', () => {
    const report = reportOf({ ...well, proven: new Map([[10, 'x']]) })
    expect(report.broken).toMatch(/^step 7, .*entry 1[12] is not proven/)
  })

  test('names the login where that fails, and the log where it cannot be read', () => {
    const nobody = {
      ...well,
      login: undefined,
      order: undefined,
      proven: new Map(),
      fault: 'refused',
    }
    expect(reportOf(nobody).broken).toMatch(/^step 1, .*nobody could log in: refused/)
    const blind = withEvents({ ...well, logFault: 'away', proven: new Map() }, () => undefined)
    expect(reportOf(blind).broken).toMatch(/^step 7, .*cannot be read: away/)
    expect(reportOf({ ...nobody, connection: undefined }).broken).toMatch(
      /^hop 1, user to balancer/,
    )
  })

  test('orders what the order service takes', () => {
    const read = orderContract.endpoints.place.body?.safeParse(DEMO_ORDER)
    expect(read?.success).toBe(true)
  })
})

test('an explanation shows door, hinge, rule and remedy, and obeys no control character', () => {
  const refused = event('gateway', 'order.place', {
    status: 'refused',
    event: { kind: 'event', category: ['api'], type: ['denied'], code: 'ROLE_MISSING' },
    http: { response: { status_code: 403 } },
    user: { name: 'sup\u001b[2Jport', roles: ['support'] },
    countersign: {
      door: 'gateway',
      hinge: 'authorise',
      rule: 'roles are customer',
      remedy: 'give support the role customer',
    },
  })
  const text = explanation('id-1', [{ index: 7, event: refused }], colours(false))
  expect(text.split('\n')).toEqual([
    'request id-1',
    '',
    'order.place refused ROLE_MISSING (403)',
    '  when       2026-01-02T03:04:05.678Z',
    '  door       gateway',
    '  hinge      authorise',
    '  who        person sup\\u{1b}[2Jport, roles support',
    '  rule       roles are customer',
    '  remedy     give support the role customer',
    '  log entry  7',
  ])
})
