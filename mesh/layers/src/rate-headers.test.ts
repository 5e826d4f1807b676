import { expect, it } from 'vitest'
import { limitOf } from './limiter.trial.ts'
import { createMemoryLimiter } from './limiter-memory.ts'
import type { JointVerdict, LimitVerdict } from './limiter.ts'
import { jointRateHeaders, rateHeaders, rateLimited } from './rate-headers.ts'

const limit = limitOf('1/second, 1000/hour per person')
const limiter = createMemoryLimiter({ now: () => 3_600_000 - 30_000 })

it('tells policy and state of each window, in the way of the draft and in the way of Kong', async () => {
  expect(rateHeaders(await limiter.take('a', limit))).toEqual({
    'ratelimit-policy': '"second";q=1;w=1, "hour";q=1000;w=3600',
    ratelimit: '"second";r=0;t=1, "hour";r=999;t=30',
    'ratelimit-limit': '1',
    'ratelimit-remaining': '0',
    'ratelimit-reset': '1',
    'x-ratelimit-limit-second': '1',
    'x-ratelimit-remaining-second': '0',
    'x-ratelimit-limit-hour': '1000',
    'x-ratelimit-remaining-hour': '999',
  })
})
it('tells the real length of a month, and a smooth rate as its bucket', () => {
  const { allowed, ...rest } = createMemoryLimiter({ now: () => Date.UTC(2024, 1, 29, 23) }).take(
    'a',
    limitOf('10/second burst 20, 5/month per person'),
  ) as LimitVerdict
  expect(allowed).toBe(true)
  expect(rateHeaders({ allowed, ...rest })).toMatchObject({
    'ratelimit-policy': '"month";q=5;w=2505600, "burst";q=20;w=2',
    ratelimit: '"month";r=4;t=3600, "burst";r=19;t=1',
    'x-ratelimit-remaining-burst': '19',
    'ratelimit-limit': '5',
    'ratelimit-reset': '3600',
  })
})
it('tells the tighter of two windows of one name', () => {
  const joint = createMemoryLimiter({ now: () => 0 }).takeAll([
    { key: 'a', limit: limitOf('5/second, 9/hour per person') },
    { key: 'b', limit: limitOf('3/second per address') },
  ]) as JointVerdict
  expect(jointRateHeaders(joint)).toMatchObject({
    ratelimit: '"second";r=2;t=1, "hour";r=8;t=3600',
    'ratelimit-limit': '3',
  })
})
it('tells a refused caller when to come back', async () => {
  const refused = await limiter.take('a', limit)
  expect(rateHeaders(refused)['retry-after']).toBe('1')
  const refusal = rateLimited(refused)
  expect(refusal.status).toBe(429)
  expect(refusal.facts.rule).toBe('limit: 1/second is used up')
  expect(refusal.facts.headers?.['retry-after']).toBe('1')
})
