import { readFlags } from './flags.ts'
import { type Measured, measureTarget, newTokensOf } from './measure.ts'
import { PROFILED_PER_SECOND, profileOurs, textOf } from './profile.ts'
import { printMeasured } from './report/print.ts'
import { resultsOf } from './report/results.ts'
import { cpuTable, ratioTable } from './report/tables.ts'
import { writeReport } from './report/write-report.ts'
import { Session } from './session.ts'

/*
 * Our gateway and its peers over the same work, on the same day. Rounds are interleaved, so that what the machine does
 * beside falls on all. See README.
 */
const { plan, targets, rounds, profile, tokens, write } = readFlags(process.argv.slice(2))
const session = await Session.open(profile ? plan.seconds * PROFILED_PER_SECOND : newTokensOf(plan))
try {
  if (profile) console.log(textOf(await profileOurs(session, plan, tokens)))
  else {
    const floorBefore = session.floorMicros()
    const measured: Measured[] = []
    for (let round = 1; round <= rounds; round++)
      for (const target of targets) {
        const of = await measureTarget(session, target, plan, round)
        printMeasured(of)
        measured.push(...of)
      }
    const floor = { before: floorBefore, after: session.floorMicros() }
    const results = resultsOf({ targets, plan, rounds, floor, measured })
    console.log(`floor: ${floor.before} µs before, ${floor.after} µs after`)
    console.log(`\nµs of CPU for each request\n${cpuTable(results)}`)
    if (targets.length > 1) console.log(`\n${ratioTable(results)}`)
    if (write) writeReport(results)
  }
} finally {
  await session.close()
}
