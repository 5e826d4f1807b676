import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { WallTimer, waitUntil } from './wall-timer.ts'

const HOUR = 3_600_000

beforeEach(() => void vi.useFakeTimers({ now: 1_000_000 }))
afterEach(() => void vi.useRealTimers())

describe('a wait by the clock on the wall', () => {
  it('ends at its time, once', () => {
    const act = vi.fn()
    new WallTimer().set(Date.now() + HOUR, act)
    vi.advanceTimersByTime(HOUR - 1)
    expect(act).not.toHaveBeenCalled()
    vi.advanceTimersByTime(2 * HOUR)
    expect(act).toHaveBeenCalledOnce()
  })

  it('ends within a second when the clock jumps over its time: the machine has slept, or was set', () => {
    const act = vi.fn()
    new WallTimer().set(Date.now() + HOUR, act)
    vi.setSystemTime(Date.now() + 2 * HOUR)
    vi.advanceTimersByTime(1_000)
    expect(act).toHaveBeenCalledOnce()
  })

  it('goes on when the clock is set back', () => {
    const act = vi.fn()
    new WallTimer().set(Date.now() + 5_000, act)
    vi.setSystemTime(Date.now() - HOUR)
    vi.advanceTimersByTime(6_000)
    expect(act).not.toHaveBeenCalled()
    vi.advanceTimersByTime(HOUR)
    expect(act).toHaveBeenCalledOnce()
  })

  it('forgets the time before when it is set anew, and all when it is cleared', () => {
    const [first, second] = [vi.fn(), vi.fn()]
    const timer = new WallTimer()
    timer.set(Date.now() + 1_000, first)
    timer.set(Date.now() + 2_000, second)
    expect(timer.dueAt).toBe(1_002_000)
    vi.advanceTimersByTime(3_000)
    expect([first.mock.calls.length, second.mock.calls.length]).toEqual([0, 1])
    timer.set(Date.now() + 1_000, first)
    timer.clear()
    vi.advanceTimersByTime(3_000)
    expect(first).not.toHaveBeenCalled()
  })

  it('ends when it is called off', async () => {
    const stop = new AbortController()
    const waited = waitUntil(Date.now() + HOUR, stop.signal)
    stop.abort()
    await waited
    await waitUntil(Date.now() + HOUR, stop.signal)
  })
})
