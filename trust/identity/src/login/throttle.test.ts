import { describe, expect, test } from 'vitest'
import { NAME_BUCKET, PAIR_BUCKET, SOURCE_BUCKET, THROTTLE_ENTRIES_MAX } from '../limits.ts'
import { type Attempt, createLoginThrottle } from './throttle.ts'

function createClock() {
  let now = 1_000_000
  const throttle = createLoginThrottle(() => now)
  const begin = (name: string, source: string): Attempt => {
    const attempt = throttle.begin(name, source)
    if ('retryAfterSeconds' in attempt) throw new Error(`wait ${attempt.retryAfterSeconds}`)
    return attempt
  }
  const guess = (name: string, source: string, times = 1): void => {
    for (let i = 0; i < times; i++) begin(name, source).failed()
  }
  return { throttle, begin, guess, pass: (ms: number) => (now += ms) }
}

describe('the throttle of logins', () => {
  test('stops one source at one name after a few failures and says for how long', () => {
    const { throttle, guess, pass } = createClock()
    guess('alice', '192.0.2.1', PAIR_BUCKET.burst)
    expect(throttle.begin('alice', '192.0.2.1')).toEqual({ retryAfterSeconds: 60 })
    pass(PAIR_BUCKET.refillMs)
    guess('alice', '192.0.2.1')
    expect(throttle.begin('alice', '192.0.2.1')).toEqual({ retryAfterSeconds: 60 })
  })
  test('counts before the verdict, so that parallel guesses do not slip through', () => {
    const { throttle, begin } = createClock()
    for (let i = 0; i < PAIR_BUCKET.burst; i++) begin('alice', '192.0.2.1')
    expect(throttle.begin('alice', '192.0.2.1')).toHaveProperty('retryAfterSeconds')
  })
  test('the owner at another address is not locked out by one guesser', () => {
    const { throttle, begin, guess } = createClock()
    guess('alice', '192.0.2.1', PAIR_BUCKET.burst)
    for (let i = 0; i < 1_000; i++) throttle.begin('alice', '192.0.2.1')
    begin('alice', '198.51.100.7').succeeded()
  })
  test('many sources at one name are slowed; whoever was there before is not', () => {
    const { throttle, begin, guess, pass } = createClock()
    begin('alice', '198.51.100.7').succeeded()
    for (let i = 0; i < NAME_BUCKET.burst; i++) guess('alice', `192.0.2.${i}`)
    expect(throttle.begin('alice', '203.0.113.1')).toEqual({ retryAfterSeconds: 30 })
    begin('alice', '198.51.100.7').succeeded()
    pass(NAME_BUCKET.refillMs)
    begin('alice', '203.0.113.1').succeeded()
  })
  test('one source at many names is slowed', () => {
    const { throttle, guess } = createClock()
    for (let i = 0; i < SOURCE_BUCKET.burst; i++) guess(`name-${i}`, '192.0.2.1')
    expect(throttle.begin('somebody', '192.0.2.1')).toEqual({ retryAfterSeconds: 2 })
    expect(throttle.begin('somebody', '192.0.2.2')).toHaveProperty('failed')
  })
  test('right passwords use nothing up, however many', () => {
    const { begin } = createClock()
    for (let i = 0; i < 1_000; i++) begin(`name-${i % 3}`, '192.0.2.1').succeeded()
  })
  test('what could not be checked is not counted', () => {
    const { begin } = createClock()
    for (let i = 0; i < 1_000; i++) begin('alice', '192.0.2.1').cancelled()
  })
  test('a right password forgives the earlier failures of this source', () => {
    const { begin, guess } = createClock()
    guess('alice', '192.0.2.1', PAIR_BUCKET.burst - 1)
    begin('alice', '192.0.2.1').succeeded()
    guess('alice', '192.0.2.1', PAIR_BUCKET.burst)
  })
  test('remembers a bounded number of names', () => {
    const { guess, begin } = createClock()
    guess('alice', '192.0.2.1', PAIR_BUCKET.burst)
    for (let i = 0; i < THROTTLE_ENTRIES_MAX; i++) guess(`n${i}`, `s${i}`)
    begin('alice', '192.0.2.1').failed()
  })
})
