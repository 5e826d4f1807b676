import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { callsOfOrder } from './calls-of-order/calls-of-order.ts'
import { keepLines, type Line, tableOf } from './way/lines.ts'
import { added, closedLoop, openLoop } from './way/runs.ts'
import { Way } from './way/way.ts'

/* The bars of the platform as a whole; see README. Without a flag: the calls of order. */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    way: { type: 'boolean', default: false },
    rate: { type: 'boolean', default: false },
    added: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    write: { type: 'boolean', default: false },
  },
})
const machine = `${cpus().length} × ${cpus()[0]?.model}, Node ${process.version}`
const lines = values.way || values.rate || values.added ? await measureWay() : await measureCalls()
console.log(`${machine}\n\n${tableOf(lines)}`)
if (values.write) keepLines(lines, machine)

async function measureWay(): Promise<Line[]> {
  const seconds = Number(positionals[0] ?? 60)
  const way = await Way.open()
  try {
    const measured: Line[] = []
    if (values.way) measured.push(...(await closedLoop(way, seconds)))
    if (values.rate) measured.push(...(await openLoop(way, seconds)))
    const rounds = Number(values.rounds)
    if (values.added) measured.push(...(await added(way, seconds / rounds, rounds)))
    return measured
  } finally {
    await way.close()
  }
}

async function measureCalls(): Promise<Line[]> {
  const seconds = Number(positionals[0] ?? 60)
  const inFlight = Number(positionals[1] ?? 1000)
  const report = await callsOfOrder(seconds, inFlight)
  if (report.failed > 0) {
    console.log(`${report.failed} of ${report.sent} calls failed:`, report.failures)
    process.exitCode = 1
  }
  return [{ ...report, name: `order → payment.ping, ${inFlight} in flight, closed loop` }]
}
