import { contract, describe as describeContract, endpoint } from '@countersign/contract'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type Ask, decider, NOTHING_NARROWED, parseNarrowing, type Person } from './index.ts'

const payment = describeContract(
  contract('payment', {
    charge: endpoint({
      at: 'POST /payments',
      callers: ['order'],
      roles: ['customer', 'admin'],
      limit: '5/second per person',
      reply: z.string(),
    }),
    mine: endpoint({
      at: 'GET /mine',
      callers: ['gateway'],
      roles: 'anyone',
      limit: '5/second per person',
      reply: z.string(),
    }),
    health: endpoint({
      at: 'GET /health',
      callers: ['workloads'],
      roles: 'stranger',
      limit: '5/second per caller',
      reply: z.string(),
    }),
  }),
)
const person = (...roles: string[]): Person => ({
  id: 'u1',
  name: 'ada',
  roles,
  clientId: undefined,
  tokenId: undefined,
})
const ask = (name: string, caller: string, who: Person | undefined): Ask => {
  const found = payment.endpoints.find((each) => each.name === name)
  if (found === undefined) throw new Error(name)
  return { service: 'payment', endpoint: found, caller, callerId: undefined, person: who }
}
const decide = decider(NOTHING_NARROWED)

describe('a decision', () => {
  // biome-ignore format: a table
  test.each<[string, string, Person | undefined, true | string]>([
    ['charge', 'order',   person('customer'), true],
    ['charge', 'order',   person('admin', 'support'), true],
    ['charge', 'order',   person('support'),  'ROLE_MISSING'],
    ['charge', 'order',   person(),           'ROLE_MISSING'],
    ['charge', 'order',   undefined,          'TOKEN_MISSING'],
    ['charge', 'gateway', person('customer'), 'CALLER_FORBIDDEN'],
    ['charge', 'orders',  person('customer'), 'CALLER_FORBIDDEN'],
    ['charge', '',        person('customer'), 'CALLER_FORBIDDEN'],
    ['charge', '*',       person('customer'), 'CALLER_FORBIDDEN'],
    ['mine',   'gateway', person(),           true],
    ['mine',   'gateway', undefined,          'TOKEN_MISSING'],
    ['health', 'anybody', undefined,          true],
  ])('%s by %s', (name, caller, who, wanted) => {
    const verdict = decide(ask(name, caller, who))
    expect(verdict.allowed ? true : verdict.code).toBe(wanted)
  })

  test('names its rule and the smallest change', () => {
    expect(decide(ask('charge', 'user', person('customer')))).toEqual({
      allowed: false,
      code: 'CALLER_FORBIDDEN',
      rule: 'contract payment.charge: callers are order; this was user',
      remedy: "add 'user' to the callers of payment.charge",
    })
    expect(decide(ask('charge', 'order', person('support')))).toMatchObject({
      rule: 'contract payment.charge: roles are customer, admin; ada has support',
      remedy: 'give ada one of the roles customer, admin',
    })
    const allowed = decide(ask('charge', 'order', person('customer')))
    expect(allowed.allowed).toBe(true)
    expect(allowed.rule).toBe('contract payment.charge: caller order, role customer')
  })
})

describe('an operator', () => {
  const narrowing = parseNarrowing(
    [
      'deny:',
      '  - endpoint: payment.charge',
      '    roles: [customer]',
      '    reason: sale is over',
      '  - endpoint: payment.*',
      '    callers: [user]',
    ].join('\n'),
    'policy.yaml',
  )
  const narrowed = decider(narrowing)

  test('can close what the contract allows, and is named', () => {
    expect(narrowed(ask('charge', 'order', person('customer')))).toEqual({
      allowed: false,
      code: 'OPERATOR_DENIED',
      rule: 'policy.yaml:2: sale is over',
      remedy: 'remove the denial at policy.yaml:2',
    })
    expect(narrowed(ask('charge', 'order', person('admin'))).allowed).toBe(true)
    expect(narrowed(ask('health', 'user', undefined))).toMatchObject({
      code: 'OPERATOR_DENIED',
      rule: 'policy.yaml:5: closed by the operator',
    })
  })

  test('never opens anything: whatever is written, what was refused stays refused', () => {
    const names = fc.constantFrom('order', 'gateway', 'user')
    const roles = fc.subarray(['admin', 'customer', 'support'])
    const denials = fc.array(
      fc.record({
        service: fc.constant('payment'),
        endpoint: fc.constantFrom('*', 'charge', 'mine', 'health'),
        callers: fc.option(fc.array(names), { nil: undefined }),
        roles: fc.option(roles, { nil: undefined }),
        reason: fc.string(),
        at: fc.string(),
      }),
    )
    fc.assert(
      fc.property(
        denials,
        fc.constantFrom('charge', 'mine', 'health'),
        names,
        fc.option(roles, { nil: undefined }),
        (written, name, caller, has) => {
          const asked = ask(name, caller, has === undefined ? undefined : person(...has))
          const before = decide(asked)
          const after = decider({ denials: written, limits: [] })(asked)
          expect(before.allowed || !after.allowed).toBe(true)
          if (!before.allowed) expect(after).toEqual(before)
        },
      ),
    )
  })
})
