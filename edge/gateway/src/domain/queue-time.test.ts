import { describe, expect, it } from 'vitest'
import { QueueTime } from './queue-time.ts'

const bounds = { targetMs: 100, intervalMs: 1_000, seenMin: 1 }
/** Shed of so many at one moment. */
const shed = (queue: QueueTime, proven: boolean, now: number, of = 40): number =>
  Array.from({ length: of }, () => queue.sheds(proven, now)).filter(Boolean).length

/** A queue in which all have waited too long, for so many intervals. Gives the time after them. */
function standing(queue: QueueTime, intervals: number): number {
  for (let i = 0; i <= intervals; i++) queue.observe(150, i * bounds.intervalMs)
  return intervals * bounds.intervalMs
}

describe('a queue', () => {
  it('that empties now and then sheds nothing, however long its longest wait', () => {
    const queue = new QueueTime(bounds)
    for (let now = 0; now < 20_000; now += 100) queue.observe(now % 900 === 0 ? 50 : 5_000, now)
    expect(queue.severity).toBe(0)
    expect(shed(queue, false, 20_000)).toBe(0)
  })
  it('in which somebody waited long once, or a few times, sheds nothing', () => {
    const queue = new QueueTime({ ...bounds, seenMin: 5 })
    queue.observe(10, 0)
    for (const now of [2_000, 4_000, 6_000, 8_000]) queue.observe(2_000, now)
    expect(queue.severity).toBe(0)
    // Turns that take longer than an interval are seen as well, only later.
    for (const now of [10_000, 12_000]) queue.observe(2_000, now)
    expect(queue.severity).toBe(1)
    queue.observe(10, 12_500)
    queue.observe(10, 13_500)
    expect(queue.severity).toBe(0)
  })
  it('that stands sheds strangers first, a quarter more with each interval', () => {
    const shares = [1, 2, 3, 4].map((intervals) => {
      const queue = new QueueTime(bounds)
      const now = standing(queue, intervals)
      return [shed(queue, false, now), shed(queue, true, now)]
    })
    expect(shares).toEqual([
      [10, 0],
      [20, 0],
      [30, 0],
      [40, 0],
    ])
  })
  it('sheds those whom we know only when that is not enough, and never all of them', () => {
    const shares = [5, 9, 13, 40].map((intervals) => {
      const queue = new QueueTime(bounds)
      const now = standing(queue, intervals)
      return [shed(queue, false, now), shed(queue, true, now)]
    })
    expect(shares).toEqual([
      [40, 4],
      [40, 20],
      [40, 36],
      [40, 36],
    ])
  })
  it('lets in more and more when waits are short again, or nobody comes', () => {
    const queue = new QueueTime(bounds)
    let now = standing(queue, 6)
    expect(queue.severity).toBe(6)
    // The first of these ends the last interval in which all have waited.
    for (let i = 0; i < 4; i++) {
      now += bounds.intervalMs
      queue.observe(1, now)
    }
    expect(queue.severity).toBe(4)
    expect(shed(queue, true, now)).toBe(0)
    expect(shed(queue, false, now + 2 * bounds.intervalMs)).toBe(30)
    expect(shed(queue, false, now + 60_000)).toBe(0)
  })
})
