import { expect, it } from 'vitest'
import { limitOf } from './limiter.trial.ts'
import { createMemoryLimiter } from './limiter-memory.ts'
import { rateHeaders, rateLimited } from './rate-headers.ts'

const limit = limitOf('1/second, 1000/hour per person')
const limiter = createMemoryLimiter({ now: () => 3_600_000 - 30_000 })

it('tells policy and state of each window, in the way of the draft and in the way of Kong', async () => {
  expect(rateHeaders(await limiter.take('a', limit))).toEqual({
    'ratelimit-policy': '"second";q=1;w=1, "hour";q=1000;w=3600',
    ratelimit: '"second";r=0;t=1, "hour";r=999;t=30',
    'x-ratelimit-limit-second': '1',
    'x-ratelimit-remaining-second': '0',
    'x-ratelimit-limit-hour': '1000',
    'x-ratelimit-remaining-hour': '999',
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
