import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RETRY_PAUSE_MS_MIN } from './limits.ts'
import { renewalDelay, retryDelay } from './renewal-plan.ts'

const HOUR = 3_600_000
const luck = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

describe('a renewal', () => {
  it('comes before half of what is left, a tenth earlier or later', () => {
    expect(renewalDelay(HOUR, 0.5)).toBe(HOUR * 0.4)
    expect(renewalDelay(HOUR, 0)).toBeCloseTo(HOUR * 0.36)
    expect(renewalDelay(HOUR, 1)).toBeCloseTo(HOUR * 0.44)
    expect(renewalDelay(-1, 0.5)).toBe(0)
  })
})

describe('a retry', () => {
  it('is never planned after the end, and never in a hot loop', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -1_000, max: 24 * HOUR }),
        fc.integer({ min: 1, max: 1_000 }),
        luck,
        (left, failures, chance) => {
          const delay = retryDelay(left, failures, chance)
          if (delay === undefined) {
            expect(left).toBeLessThanOrEqual(RETRY_PAUSE_MS_MIN)
            return
          }
          expect(delay).toBeLessThan(left)
          expect(delay).toBeGreaterThanOrEqual(RETRY_PAUSE_MS_MIN / 2)
          expect(delay).toBeLessThanOrEqual(60_000)
        },
      ),
    )
  })

  it('comes often enough: from half of any life on there are at least five', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1_000, max: 24 * HOUR }), (life) => {
        let left = life / 2
        let failures = 0
        for (
          let delay = retryDelay(left, 1, 0);
          delay !== undefined;
          delay = retryDelay(left, failures, 0)
        ) {
          left -= delay
          failures += 1
        }
        expect(failures).toBeGreaterThanOrEqual(5)
      }),
    )
  })

  it('waits longer each time', () => {
    const delays = [1, 2, 3, 4, 5, 6, 7, 8].map((failures) => retryDelay(HOUR, failures, 0))
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000])
  })
})
