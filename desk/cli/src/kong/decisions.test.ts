import type { AuditEvent } from '@countersign/contract/platform'
import type { Judgement } from '@countersign/gateway'
import { expect, test } from 'vitest'
import { colours } from '../terminal/colours.ts'
import { differences, requestsOf } from './decisions.ts'
import { differenceLines } from './difference-lines.ts'

function event(at: string, more: Partial<AuditEvent> = {}): AuditEvent {
  const [method = '', path = ''] = at.split(' ')
  return {
    ...{ id: 'e', timestamp: '', serviceName: 'gateway', action: 'a', status: 'refused' },
    ...{ userId: null, event: { kind: 'event', category: ['api'], type: ['access'] } },
    ...{ http: { request: { id: 'r', method } }, url: { path }, countersign: { door: 'gateway' } },
    ...more,
  } as AuditEvent
}
const asked = { roles: ['customer'] }

test('requests are told from other events, and the same ones are counted together', () => {
  const events = [
    event('GET /orders'),
    event('GET /orders', { countersign: { door: 'gateway', repeated: 3 } }),
    event('GET /orders', { userId: 'p', user: asked }),
    event('GET /orders', { url: { path: '/orders', domain: 'Shop.test' } }),
    event('POST /orders', { status: 'intent' }),
    event('GET /orders', { countersign: { door: 'order' } }),
    event('GET /orders', { http: undefined }),
    event('GET /orders', { url: undefined }),
  ]
  expect(requestsOf(events)).toEqual([
    { method: 'GET', host: 'localhost', path: '/orders', times: 4 },
    {
      ...{ method: 'GET', host: 'localhost', path: '/orders', times: 1 },
      person: { id: 'p', roles: ['customer'], clientId: undefined, tokenId: undefined },
    },
    { method: 'GET', host: 'shop.test', path: '/orders', times: 1 },
  ])
})

const pass = (route: string, depends: string[] = []): Judgement => ({
  ...{ route, decision: 'pass', statusClass: 2, rule: `route ${route}`, depends },
})
const refuse = (rule: string): Judgement => ({
  ...{ route: 'r', decision: 'refuse', statusClass: 4, rule, depends: [] },
})
const answer = (statusClass: 2 | 5): Judgement => ({
  ...{ route: 'r', decision: 'answer', statusClass, rule: `answers ${statusClass}`, depends: [] },
})

// biome-ignore format: a table
test.each([
  [pass('a'), pass('a'), undefined],
  [pass('a'), refuse('no role'), 'denied'],
  [answer(2), refuse('no role'), 'denied'],
  [refuse('no role'), pass('a'), 'allowed'],
  [refuse('no role'), refuse('no token'), undefined],
  [pass('a'), pass('b'), 'rerouted'],
  [pass('a'), answer(5), 'answered otherwise'],
  [answer(2), answer(5), 'answered otherwise'],
  [pass('a', ['rate-limiting']), pass('a'), 'up to others'],
  [pass('a', ['x', 'y']), pass('a', ['y', 'x']), undefined],
] as const)('%j and then %j is %s', (before, after, kind) => {
  const requests = requestsOf([event('GET /orders')])
  const found = differences(requests, { before: () => before, after: () => after })
  expect(found.map((each) => each.kind)).toEqual(kind === undefined ? [] : [kind])
})

test('what is decided otherwise is told with both rules, and safe for a terminal', () => {
  const requests = requestsOf([event('GET /a\u001b[31m')])
  const judges = { before: () => pass('a'), after: () => refuse('no role') }
  expect(differenceLines(differences(requests, judges), colours(false))).toEqual([
    '  denied  1 × GET /a\\u{1b}[31m by nobody',
    '      now   passes to a: route a',
    '      then  refused: no role',
  ])
})
