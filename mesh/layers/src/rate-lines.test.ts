import { expect, it } from 'vitest'
import type { LimitState } from './limiter.ts'
import { addRateHeaders } from './rate-headers.ts'
import { rateLines } from './rate-lines.ts'

const state = (name: string, max: number, remaining: number): LimitState => ({
  ...{ name, max, remaining },
  ...{ resetSeconds: (remaining % 59) + 1, seconds: name === 'month' ? 2_419_200 : 60 },
})

it('are the headers, whatever the verdict', () => {
  const windows = [
    [state('second', 5, 4)],
    [state('second', 5, 0)],
    [state('second', 9_007_199_254, 77)],
    [state('hour', 5, 3)],
    [state('month', 5, 3)],
    [state('burst', 20, 3)],
    [state('second', 5, 4), state('hour', 1_000, 999)],
    [],
  ]
  for (const each of windows)
    for (const allowed of [true, false])
      for (let times = 0; times < 2; times++) {
        const verdict = { allowed, windows: each, retryAfterSeconds: allowed ? 0 : 7 }
        const flat: string[] = []
        addRateHeaders(flat, verdict)
        const lines = rateLines(verdict)
          .split('\r\n')
          .flatMap((line) => (line === '' ? [] : line.split(/: (.*)/s).slice(0, 2)))
        expect(lines).toEqual(flat)
      }
})
