import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import {
  type Breaker,
  type BreakerEvent,
  CLOSED,
  createBreaker,
  mayPass,
  nextState,
} from './breaker.ts'

let clock = 0
let breaker: Breaker
let modes: string[]
beforeEach(() => {
  clock = 1_000_000
  modes = []
  breaker = createBreaker({ now: () => clock, onChange: (mode) => modes.push(mode) })
})
function send(succeeded: boolean, times = 1): void {
  for (let i = 0; i < times; i++) {
    const entry = breaker.enter()
    if (entry !== undefined) breaker.leave(entry, succeeded)
  }
}

describe('a breaker', () => {
  it('opens after 5 failures in a row, not before', () => {
    send(false, 4)
    send(true)
    send(false, 4)
    expect(breaker.mode).toBe('closed')
    send(false)
    expect(breaker.mode).toBe('open')
    expect(breaker.enter()).toBeUndefined()
  })
  it('opens when half of at least 20 failed', () => {
    for (let i = 0; i < 9; i++) {
      send(true)
      send(false)
    }
    expect(breaker.mode).toBe('closed')
    send(true)
    send(false)
    expect(breaker.mode).toBe('open')
  })
  it('forgets what is older than its window', () => {
    for (let i = 0; i < 9; i++) {
      send(true)
      send(false)
    }
    clock += 10_000
    send(true)
    send(false)
    expect(breaker.mode).toBe('closed')
  })
  it('opens and closes when somebody else says so', () => {
    breaker.trip()
    expect([breaker.mode, breaker.available]).toEqual(['open', false])
    breaker.reset()
    expect([breaker.mode, breaker.enter()]).toEqual(['closed', 'normal'])
    send(false, 5)
    breaker.reset()
    send(false, 4)
    expect(breaker.mode).toBe('closed')
  })
  it('wants as many probes as its owner does', () => {
    send(false, 5)
    clock += 500
    expect(breaker.enter()).toBe('probe')
    expect(breaker.enter()).toBeUndefined()
    breaker.repeat()
    expect([breaker.mode, breaker.enter(), breaker.enter()]).toEqual([
      'half-open',
      'probe',
      undefined,
    ])
    breaker.leave('probe', true)
    expect(breaker.mode).toBe('closed')
  })
  it('lets one probe pass, and closes after its success', () => {
    send(false, 5)
    clock += 499
    expect([breaker.available, breaker.enter()]).toEqual([false, undefined])
    clock += 1
    expect([breaker.available, breaker.enter()]).toEqual([true, 'probe'])
    expect([breaker.available, breaker.enter()]).toEqual([false, undefined])
    breaker.leave('normal', true)
    expect(breaker.mode).toBe('half-open')
    breaker.leave('probe', true)
    expect(breaker.enter()).toBe('normal')
    expect(modes).toEqual(['open', 'half-open', 'closed'])
  })
  it('waits twice as long after each probe that fails, 5 s at most', () => {
    send(false, 5)
    const waits: number[] = []
    for (let i = 0; i < 8; i++) {
      const began = clock
      while (!breaker.available) clock += 100
      waits.push(clock - began)
      send(false)
    }
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 5_000, 5_000, 5_000, 5_000])
    clock += 5_000
    send(true)
    send(false, 5)
    clock += 500
    expect(breaker.available).toBe(true)
  })
  it('sends another probe when one does not come back, and takes late news for what they are', () => {
    send(false, 5)
    clock += 500
    breaker.enter()
    clock += 10_000
    expect(breaker.enter()).toBe('probe')
    send(false)
    breaker.leave('normal', false)
    expect(breaker.mode).toBe('half-open')
  })
})

it('always lets a request pass in the end, whatever happened', () => {
  const events = fc.constantFrom<BreakerEvent>(
    'probe-sent',
    'probe-succeeded',
    'probe-failed',
    'succeeded',
    'failed',
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(events, fc.nat(20_000)), { maxLength: 200 }), (history) => {
      let now = 0
      let state = CLOSED
      for (const [event, waitMs] of history) {
        now += waitMs
        state = nextState(state, event, now)
      }
      expect(mayPass(state, now + 30_000)).toBe(true)
    }),
  )
})
