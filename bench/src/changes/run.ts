import { cpus } from 'node:os'
import type { LoadReport } from '../gateway/load.ts'
import { World } from './world.ts'

/*
 * The configuration changes while 5000 requests a second pass balancer and gateways: none fails, and each change shows at
 * both gateways within a second. Then gateways and a service's instances are started anew, one after the other.
 *
 * Where the machine does not carry the load to begin with, the highest rate that it does is taken, and said; for the restarts
 * half of that.
 */
const RATES = [5_000, 4_000, 3_000, 2_500, 2_000, 1_500, 1_000, 500]
const mostRate = Number(process.argv[3] ?? RATES[0])
const CHANGE_EVERY_MS = 2_000
const SHOWS_WITHIN_MS = 1_000
const TRIAL_SECONDS = 10
/** What a machine that carries a rate leaves in its queues. */
const P99_MS_MAX = 500
const seconds = Number(process.argv[2] ?? 60)

console.log(`${cpus().length} × ${cpus()[0]?.model}, Node ${process.version}`)
const world = await World.open()
let held = true
try {
  const rate = await findRate()
  await changeUnderLoad(rate)
  // Half of them, since half of what carries them is away, and what starts takes its share.
  await restartUnderLoad(rate / 2)
} finally {
  await world.close()
}
process.exitCode = held ? 0 : 1

async function findRate(): Promise<number> {
  // Code that has not run yet is slow.
  await world.load(500, TRIAL_SECONDS)
  for (const rate of RATES.filter((each) => each <= mostRate)) {
    const report = await world.load(rate, TRIAL_SECONDS)
    const carried = report.perSecond >= 0.98 * rate && report.p99Ms <= P99_MS_MAX
    console.log(
      `${rate} requests/s, nothing changes: ${tell(report)}${carried ? '' : ': too much'}`,
    )
    if (carried && failuresOf(report) === 0) return rate
  }
  throw new Error('this machine does not carry the least of the rates')
}

async function changeUnderLoad(rate: number): Promise<void> {
  const running = world.load(rate, seconds)
  const shown = new Map(world.watches.map(({ name }) => [name, [] as number[]]))
  let made = 0
  let missed = 0
  let over = false
  const ended = running.finally(() => (over = true))
  while (!over) {
    const { number, at } = await world.change()
    await something(number)
    await pause(CHANGE_EVERY_MS)
    made += 1
    for (const watch of world.watches) {
      const saw = watch.sawAt(number)
      if (saw === undefined) missed += 1
      else shown.get(watch.name)?.push(Math.max(0, saw - at))
    }
  }
  const report = await ended
  for (const [name, times] of shown) {
    const worst = Math.max(...times)
    judge(`${name}: ${times.length} of ${made} changes showed, ${quantiles(times)}`, {
      holds: missed === 0 && worst <= SHOWS_WITHIN_MS,
    })
  }
  judge(`${made} changes under ${rate} requests/s: ${tell(report)}`, {
    holds: failuresOf(report) === 0,
  })
}

/** Changes of another kind: entities that come and go. */
async function something(number: number): Promise<void> {
  const name = `passing-${number}`
  await world.admin.change('POST', '/services', { name, host: name })
  await world.admin.change('POST', `/services/${name}/routes`, { name, paths: [`/${name}`] })
  await world.admin.change('POST', '/consumers', { username: name })
  await world.admin.change('DELETE', `/routes/${name}`)
  await world.admin.change('DELETE', `/services/${name}`)
}

async function restartUnderLoad(rate: number): Promise<void> {
  const running = world.load(rate, seconds)
  let over = false
  const ended = running.finally(() => (over = true))
  await pause(2_000)
  const restarted = await world.platform.desk('restart', 'gateway')
  if (restarted.code !== 0) throw new Error(`restart: ${restarted.stderr}`)
  for (const name of world.instances) await world.restartInstance(name)
  const inTime = !over
  const report = await ended
  judge(`both gateways and both instances anew under ${rate} requests/s: ${tell(report)}`, {
    holds: failuresOf(report) === 0 && inTime,
  })
  if (!inTime) console.log('    the load had ended before: give it more seconds')
}

function judge(what: string, { holds }: { holds: boolean }): void {
  held &&= holds
  console.log(`${what}: ${holds ? 'holds' : 'DOES NOT HOLD'}`)
}
function tell(report: LoadReport): string {
  const { done, perSecond, p50Ms, p99Ms, maxMs, firstError } = report
  const failed = failuresOf(report)
  const why = failed === 0 ? '' : ` (${JSON.stringify(report.errors)} ${firstError})`
  const times = `p50 ${p50Ms.toFixed(1)}, p99 ${p99Ms.toFixed(1)}, longest ${maxMs.toFixed(0)} ms`
  return `${done} answered, ${perSecond.toFixed(0)}/s, ${times}, ${failed} failed${why}`
}
function failuresOf({ errors }: LoadReport): number {
  return Object.values(errors).reduce((sum, count) => sum + count, 0)
}
function quantiles(times: readonly number[]): string {
  const sorted = [...times].sort((a, b) => a - b)
  const at = (share: number): string =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN).toFixed(
      0,
    )
  return `p50 ${at(0.5)} ms, longest ${at(1)} ms`
}
function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms))
}
