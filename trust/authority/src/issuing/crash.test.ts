import { temporaryFolder } from '@countersign/ground/testkit'
import { expect, it } from 'vitest'
import { crashSideBySide } from '../testing/crash-runs.ts'

/** `npm run long:crashes` does the same with 200 kills: here it is what a minute of the suite is worth. */
const [AUTHORITIES, KILLS] = [3, 20]

it('authorities that are killed 60 times while they issue repeat no serial and hide no signature', async () => {
  using folder = temporaryFolder()
  const plan = { authorities: AUTHORITIES, kills: KILLS, releasedMax: 96, lifeMsMax: 20 }
  const all = await crashSideBySide(folder.path, plan)
  const released = all.flatMap((runs) => runs.released)
  expect(new Set(released).size).toBe(released.length)
  for (const runs of all) {
    expect(runs.withoutRow).toEqual([])
    expect(runs.untold).toEqual([])
    expect(runs.states.intent).toBeUndefined()
  }
  // Otherwise nothing was proven: certificates went out, and crashes came in the middle of others.
  expect(released.length).toBeGreaterThan(AUTHORITIES * KILLS)
  const cutOff = all.reduce((total, { states }) => total + (states.abandoned ?? 0), 0)
  expect(cutOff).toBeGreaterThan(KILLS)
}, 200_000)
