import { temporaryFolder } from '@countersign/ground/testkit'
import { crashSideBySide } from './crash-runs.ts'

/* `npm run long:crashes`: kills authorities 200 times while they issue, and says what is left. */
const [AUTHORITIES, KILLS] = [4, 50]

using folder = temporaryFolder()
const plan = { authorities: AUTHORITIES, kills: KILLS, releasedMax: 96, lifeMsMax: 20 }
const startedAt = performance.now()
const all = await crashSideBySide(folder.path, plan)
const released = all.flatMap((runs) => runs.released)
const sum = (of: (runs: (typeof all)[number]) => number): number =>
  all.reduce((total, runs) => total + of(runs), 0)
const faults = {
  serialsTwice: released.length - new Set(released).size,
  withoutRow: sum((runs) => runs.withoutRow.length),
  untold: sum((runs) => runs.untold.length),
  stillOpen: sum((runs) => runs.states.intent ?? 0),
}
console.log({
  kills: AUTHORITIES * KILLS,
  certificates: released.length,
  cutOff: sum((runs) => runs.states.abandoned ?? 0),
  ...faults,
  seconds: Math.round((performance.now() - startedAt) / 1_000),
})
process.exitCode = Object.values(faults).every((count) => count === 0) ? 0 : 1
