import { resolve } from 'node:path'
import { collect, REPOSITORY, startDesk } from '../support/desk.ts'
import type { LoadReport } from '../support/load.ts'
import { type Platform, startPlatform } from '../support/platform.ts'
import { startTraffic } from '../support/traffic.ts'

/*
 * 1000 calls in flight from order to payment, certificates of 60 s, and while they run: an authority is killed and
 * comes back, the intermediates are rotated, the root is rotated, the other authority is killed. No call may fail, and
 * only the new root may be left. Then once more with a workload that is stopped: the old root stays until it is back. At
 * last all authorities are away for half of a certificate's life.
 */
const minutes = Number(process.argv[2] ?? 10)
const inFlight = Number(process.argv[3] ?? 1000)
const platform = await startPlatform({
  env: {
    COUNTERSIGN_CERTIFICATES_LEAF_TTL: '60s',
    COUNTERSIGN_TOKENS_TTL: '1h',
    COUNTERSIGN_LOG_LEVEL: 'warn',
  },
})
let holds = true
const began = Date.now()
try {
  const before = await rootsOf(platform)
  say(`root ${before.join()}; ${inFlight} calls in flight for ${minutes} min`)
  const calls = await startCalls(platform)
  await untilShare(0.1)
  await kill(platform, 'authority-1')
  await untilShare(0.25)
  await must(platform, 'up', 'authority-1')
  await untilShare(0.35)
  await must(platform, 'cert', 'rotate-intermediate', '--timeout', '3m')
  await untilShare(0.55)
  await must(platform, 'cert', 'rotate-root', '--timeout', '3m')
  await untilShare(0.85)
  await kill(platform, 'authority-2')
  const report = await calls.report
  const after = await rootsOf(platform)
  check(
    after.length === 1 && !before.includes(after[0] ?? ''),
    `cert ls shows ${after.join()} only`,
  )
  check(
    report.failed === 0,
    `${report.sent} calls, ${report.failed} failed, p99 ${report.p99Ms} ms`,
  )
  if (report.failed > 0) console.log(report.failures)
  await must(platform, 'up', 'authority-2')
  await withOneStopped(platform)
  await withoutAuthorities(platform)
} finally {
  await platform.stop('--wipe')
}
process.exitCode = holds ? 0 : 1

/** The root stays while user is stopped and may still trust nothing else; it goes when user is back. */
async function withOneStopped(at: Platform): Promise<void> {
  const before = await rootsOf(at)
  const pid = (await at.processes()).find(({ name }) => name === 'user-1')?.pid ?? 0
  // The authority that has just come back has to be heard first.
  const step = (...words: readonly string[]) =>
    retry(() => at.desk('cert', 'rotate-root', '--step', ...words), 60_000)
  check(await step('prepare'), 'prepare')
  // It has shown that it trusts the new root, and shows a certificate of the old one.
  check(await step('activate', '--dry-run'), 'activate could be taken')
  process.kill(pid, 'SIGSTOP')
  try {
    check(await step('activate'), 'activate')
    // All others have renewed under the new root by then; user's certificate of 60 s has not ended.
    await pause(25_000)
    const refused = await at.desk('cert', 'rotate-root', '--step', 'retire')
    const words = refused.stdout + refused.stderr
    check(refused.code === 1 && words.includes('user-1'), `retirement refused: ${words.trim()}`)
    const others = (words.match(/\b[a-z]+-[0-9]\b/g) ?? []).filter((each) => each !== 'user-1')
    check(
      others.length === 0,
      `nobody else is named${others.length > 0 ? `: ${others.join()}` : ''}`,
    )
  } finally {
    process.kill(pid, 'SIGCONT')
  }
  const retired = await step('retire')
  const after = await rootsOf(at)
  const good = retired && after.length === 1 && !before.includes(after[0] ?? '')
  check(good, `after SIGCONT it proceeds: ${after.join()}`)
}

/** Half of a certificate's life without any authority, under traffic of people through every hop. */
async function withoutAuthorities(at: Platform): Promise<void> {
  // Who was stopped may be avoided by its callers for a few seconds more.
  await pause(10_000)
  const traffic = await startTraffic(at, { readsPerSecond: 20 })
  await pause(5_000)
  await must(at, 'down', 'authority-1')
  await must(at, 'down', 'authority-2')
  const from = Date.now()
  const main = resolve(REPOSITORY, 'bench/src/calls-of-order/main.ts')
  const joining = await at.desk('run', main, '--name', 'newcomer')
  const told = /no authority[^\n]*/.exec(joining.stdout + joining.stderr)?.[0]
  check(joining.code !== 0 && told !== undefined, `a new workload is told: ${told}`)
  await pause(30_000 - (Date.now() - from))
  const awayMs = Date.now() - from
  await Promise.all([must(at, 'up', 'authority-1'), must(at, 'up', 'authority-2')])
  await pause(15_000)
  await traffic.stop()
  const failed = traffic.failures.length
  check(
    failed === 0,
    `${awayMs} ms without authorities: ${traffic.sent()} requests, ${failed} failed`,
  )
  for (const failure of traffic.failures.slice(0, 10)) console.log(failure.what)
}

/** The calls of the benchmark, beside all that happens. Resolves when they have begun; `report` when they have ended. */
async function startCalls(at: Platform): Promise<{ report: Promise<LoadReport> }> {
  const token = await at.token('customer')
  const main = resolve(REPOSITORY, 'bench/src/calls-of-order/main.ts')
  const load = JSON.stringify({ token, seconds: minutes * 60, inFlight })
  const child = startDesk(['run', main, '--name', 'order', '--number', '9'], {
    home: at.home,
    env: { ...at.env, BENCH_LOAD: load },
  })
  const said = collect(child)
  const report = new Promise<LoadReport>((done, fail) =>
    child.once('close', () => {
      const { stdout, stderr } = said()
      const line = stdout.split('\n').find((each) => each.startsWith('{"sent"'))
      if (line === undefined) fail(new Error(`no report: ${stdout}\n${stderr}`))
      else done(JSON.parse(line))
    }),
  )
  return { report }
}

/** For good, as far as the supervisor is concerned: it does not start it again. */
async function kill(at: Platform, name: string): Promise<void> {
  const pid = (await at.processes()).find((each) => each.name === name)?.pid ?? 0
  process.kill(pid, 'SIGKILL')
  await must(at, 'down', name)
  say(`${name} was killed`)
}

async function must(at: Platform, ...args: readonly string[]): Promise<void> {
  const from = Date.now()
  const ended = await at.desk(...args)
  const took = ((Date.now() - from) / 1000).toFixed(1)
  check(ended.code === 0, `countersign ${args.join(' ')}: exit ${ended.code} after ${took} s`)
  if (ended.code !== 0) console.log(ended.stdout, ended.stderr)
}

async function retry(
  act: () => Promise<{ code: number | null; stdout: string; stderr: string }>,
  ms: number,
): Promise<boolean> {
  const end = Date.now() + ms
  for (;;) {
    const ended = await act()
    if (ended.code === 0) return true
    if (Date.now() > end) {
      console.log(ended.stdout, ended.stderr)
      return false
    }
    await pause(1_000)
  }
}

async function rootsOf(at: Platform): Promise<readonly string[]> {
  const { roots } = await at.json<{ roots: readonly { id: string }[] }>('cert', 'ls')
  return roots.map(({ id }) => id)
}

function untilShare(share: number): Promise<void> {
  return pause(began + share * minutes * 60_000 - Date.now())
}
function check(good: boolean, what: string): void {
  holds &&= good
  say(`${what}: ${good ? 'holds' : 'DOES NOT HOLD'}`)
}
function say(what: string): void {
  console.log(`${((Date.now() - began) / 60_000).toFixed(1)} min  ${what}`)
}
function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, Math.max(0, ms)))
}
