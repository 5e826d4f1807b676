import { type Platform, type ProcessStatus, startPlatform } from '../support/platform.ts'
import { startTraffic, type Traffic } from '../support/traffic.ts'

/*
 * `kill -9` of each process in turn under steady traffic: back within 5 s. An authority or a gateway costs no more
 * than the requests in flight on it. Then the audit collector is kept down for 20 s: no event may be lost.
 */
const BACK_WITHIN_MS = 5_000
const platform = await startPlatform()
let held = true
try {
  const traffic = await startTraffic(platform, { readsPerSecond: 20 })
  await pause(3_000)
  for (const { name: instance } of await platform.processes())
    await killOnce(platform, traffic, instance)
  await keepAuditDown(platform, 20_000)
  await pause(3_000)
  await traffic.stop()
  await countEvents(platform, traffic.placed())
  console.log(`${traffic.sent()} requests, ${traffic.failures.length} failed in all`)
} finally {
  await platform.stop('--wipe')
}
process.exitCode = held ? 0 : 1

async function killOnce(at: Platform, traffic: Traffic, instance: string): Promise<void> {
  const before = await find(at, instance)
  const failedBefore = traffic.failures.length
  process.kill(before.pid, 'SIGKILL')
  const killedAt = Date.now()
  let back = false
  while (!back && Date.now() - killedAt < 3 * BACK_WITHIN_MS) {
    const now = await find(at, instance).catch(() => undefined)
    back = now !== undefined && now.pid !== before.pid && now.health === 'ready'
    if (!back) await pause(100)
  }
  const tookMs = Date.now() - killedAt
  await pause(2_000)
  const failed = traffic.failures.slice(failedBefore)
  // Four ways of traffic, each with one request under way: more than that cannot be in flight anywhere.
  const redundant = /^(authority|gateway)-/.test(instance)
  const good = back && tookMs <= BACK_WITHIN_MS && (!redundant || failed.length <= 4)
  held &&= good
  console.log(
    `${instance}: back after ${(tookMs / 1000).toFixed(1)} s, ${failed.length} requests failed: ${good ? 'holds' : 'DOES NOT HOLD'}`,
  )
  for (const failure of failed.slice(0, 4)) console.log(`    ${failure.what.slice(0, 160)}`)
}

async function keepAuditDown(at: Platform, ms: number): Promise<void> {
  const end = Date.now() + ms
  let kills = 0
  while (Date.now() < end) {
    const audit = await find(at, 'audit-1').catch(() => undefined)
    if (audit !== undefined && audit.pid !== null && kill(audit.pid)) kills += 1
    await pause(100)
  }
  console.log(`audit collector killed ${kills} times in ${ms / 1000} s`)
}

function kill(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL')
  } catch {
    return false
  }
}

/** Every order that was answered with 201 has an event of success at the order service. */
async function countEvents(at: Platform, placed: number): Promise<void> {
  let events = -1
  for (let tries = 0; tries < 40 && events < placed; tries++) {
    await pause(500)
    const filters = ['--action', 'order.place', '--status', 'success', '--service', 'order']
    const ended = await at.desk('audit', 'tail', '--json', '-n', '1000', ...filters)
    const lines = ended.stdout.split('\n').filter((line) => line.startsWith('{'))
    events = new Set(lines.map((line) => JSON.parse(line)).map((line) => line.event?.id ?? line.id))
      .size
  }
  const good = events >= placed
  held &&= good
  console.log(
    `${placed} orders were answered with 201, ${events} are on record: ${good ? 'holds' : 'DOES NOT HOLD'}`,
  )
}

async function find(at: Platform, instance: string): Promise<ProcessStatus> {
  const found = (await at.processes()).find((each) => each.name === instance)
  if (found === undefined) throw new Error(`${instance} is not in the status`)
  return found
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms))
}
