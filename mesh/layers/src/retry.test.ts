import { describe, expect, it } from 'vitest'
import { type Attempt, isIdempotentMethod, mayRetry, RetryBudget } from './retry.ts'
import { UpstreamError, type UpstreamErrorCode } from './upstream-error.ts'

const failed = (code: UpstreamErrorCode, sent: boolean, answered = false): Partial<Attempt> => ({
  error: new UpstreamError(code, 'x', { sent, answered }),
})
const first = { number: 1, idempotent: true, replayable: true, timeLeftMs: 1_000 }

describe('a request', () => {
  it.each([
    ['idempotent, connection lost', failed('CONNECTION_LOST', true), true],
    [
      'not idempotent, connection lost',
      { ...failed('CONNECTION_LOST', true), idempotent: false },
      false,
    ],
    ['not idempotent, never sent', { ...failed('CONNECT_FAILED', false), idempotent: false }, true],
    ['another workload answered', { ...failed('PEER_REFUSED', false), idempotent: false }, true],
    ['too much there already', failed('OVERLOADED', false), true],
    ['part of the answer was seen', failed('CONNECTION_LOST', true, true), false],
    ['no time was left', failed('TIMEOUT', true), false],
    ['the caller gave up', failed('ABORTED', false), false],
    ['it cannot be written', failed('REQUEST_INVALID', false), false],
    ['the answer was too large', failed('ANSWER_TOO_LARGE', true, true), false],
    ['503, not begun', { status: 503, notStarted: true, idempotent: false }, true],
    ['503 without a word', { status: 503 }, false],
    ['500, not begun', { status: 500, notStarted: true }, false],
    ['second attempt', { ...failed('CONNECT_FAILED', false), number: 2 }, false],
    ['third of three', { ...failed('CONNECT_FAILED', false), number: 2, triesMax: 3 }, true],
    ['fourth of three', { ...failed('CONNECT_FAILED', false), number: 3, triesMax: 3 }, false],
    ['only once', { ...failed('CONNECT_FAILED', false), triesMax: 1 }, false],
    ['a body that is gone', { ...failed('CONNECT_FAILED', false), replayable: false }, false],
    ['19 ms left', { ...failed('CONNECT_FAILED', false), timeLeftMs: 19 }, false],
    ['time unknown', { ...failed('CONNECT_FAILED', false), timeLeftMs: Number.NaN }, false],
  ])('%s: %j', (_what, changes, again) => expect(mayRetry({ ...first, ...changes })).toBe(again))

  it('is idempotent by its method', () => {
    const methods = ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'POST', 'PATCH', 'get', 'CONNECT']
    expect(methods.filter(isIdempotentMethod)).toEqual(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS'])
  })
})

it('retries are a fifth of the requests in the long run, and ten at once', () => {
  const budget = new RetryBudget()
  let retries = 0
  while (budget.spend()) retries++
  expect(retries).toBe(10)
  for (let i = 0; i < 1_000; i++) {
    budget.earn()
    if (budget.spend()) retries++
  }
  expect(retries).toBeGreaterThanOrEqual(10 + 198)
  expect(retries).toBeLessThanOrEqual(10 + 200)
})
