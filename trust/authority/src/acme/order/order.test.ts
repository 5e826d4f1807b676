import { describe, expect, it } from 'vitest'
import { authorizationStatus, type Authorization, type Order, orderStatus } from './order.ts'

const NOW = 1_000
const authorization = (status: Authorization['status'], expiresAt = NOW + 1) => ({
  status,
  expiresAt,
})
const [pending, valid] = [authorization('pending'), authorization('valid')]
const [invalid, given] = [authorization('invalid'), authorization('deactivated')]
const late = authorization('valid', NOW)

describe('the status of an order', () => {
  // biome-ignore format: a table
  it.each<[string, Order['status'], { status: Authorization['status']; expiresAt: number }[], number, string]>([
    ['nothing is proven',          'pending',    [pending, pending], NOW + 1, 'pending'],
    ['one of two is proven',       'pending',    [valid, pending],   NOW + 1, 'pending'],
    ['all is proven',              'pending',    [valid, valid],     NOW + 1, 'ready'],
    ['one has failed',             'pending',    [valid, invalid],   NOW + 1, 'invalid'],
    ['one was given up',           'pending',    [valid, given],     NOW + 1, 'invalid'],
    ['one proof is too old',       'pending',    [valid, late],      NOW + 1, 'invalid'],
    ['one came too late',          'pending',    [authorization('pending', NOW)], NOW + 1, 'invalid'],
    ['an authorization is gone',   'pending',    [],                 NOW + 1, 'invalid'],
    ['its time is over',           'pending',    [valid],            NOW,     'invalid'],
    ['it is worked on, long',      'processing', [late],             NOW - 1, 'processing'],
    ['it was finished',            'valid',      [given],            NOW - 1, 'valid'],
    ['it has failed',              'invalid',    [valid],            NOW + 1, 'invalid'],
  ])('when %s', (_, status, authorizations, expiresAt, expected) => {
    expect(orderStatus({ status, expiresAt }, authorizations, NOW)).toBe(expected)
  })
})

describe('the status of an authorization', () => {
  it('expires while it is open or valid, and not what was decided otherwise', () => {
    const at = (status: Authorization['status']) =>
      authorizationStatus(authorization(status, NOW), NOW)
    expect([at('pending'), at('valid')]).toEqual(['expired', 'expired'])
    expect([at('invalid'), at('deactivated')]).toEqual(['invalid', 'deactivated'])
    expect(authorizationStatus(valid, NOW)).toBe('valid')
  })
})
