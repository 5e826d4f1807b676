import { resolve } from 'node:path'
import { desk, REPOSITORY } from '../../support/desk.ts'
import { startPlatform } from '../../support/platform.ts'
import { startTraffic } from '../../support/traffic.ts'

/*
 * Fifty times: somebody holds a certificate of order and a connection at every door; it is revoked, under load. How
 * long until every door has cut the connection, refuses a handshake, and refuses the session of before? Then the
 * certificate that order itself uses is revoked: the platform has to come back by itself.
 */
const rounds = Number(process.argv[2] ?? 50)
const BAR_MS = 1_000
const platform = await startPlatform({ env: { COUNTERSIGN_TOKENS_TTL: '30m' } })
let holds = false
try {
  const traffic = await startTraffic(platform, { readsPerSecond: 100 })
  const doors = (await platform.processes()).map(({ name, port }) => ({ name, port }))
  const probe = resolve(REPOSITORY, 'journeys/src/long/revocations/probe.ts')
  const ended = await desk(['run', probe, '--name', 'order', '--number', '9'], {
    home: platform.home,
    env: {
      ...platform.env,
      JOURNEY_PROBE: JSON.stringify({ home: platform.home, rounds, doors }),
    },
    timeoutMs: rounds * 20_000,
  })
  const lines = ended.stdout.split('\n').filter((line) => line.startsWith('{"round"'))
  if (lines.length < rounds) throw new Error(`${lines.length} rounds: ${ended.stderr}`)
  await traffic.stop()
  holds = report(lines.map((line) => JSON.parse(line)))
  const failed = traffic.failures.length
  console.log(`${traffic.sent()} requests of others meanwhile, ${failed} failed`)
  for (const failure of traffic.failures.slice(0, 5)) console.log(failure.what)
  holds &&= failed === 0
  holds = (await revokeOrderItself()) && holds
} finally {
  await platform.stop('--wipe')
}
process.exitCode = holds ? 0 : 1

interface Round {
  readonly doors: readonly {
    readonly door: string
    readonly cutMs: number | null
    readonly refusedMs: number | null
    readonly resumptionRefusedMs: number | null
    readonly reopened: number
  }[]
}

function report(all: readonly Round[]): boolean {
  let good = true
  for (const what of ['cutMs', 'refusedMs', 'resumptionRefusedMs'] as const) {
    // Until the last door has done it: that is what a round took.
    const took = all
      .map(({ doors }) => Math.max(...doors.map((door) => door[what] ?? Number.POSITIVE_INFINITY)))
      .sort((a, b) => a - b)
    const at = (share: number): number =>
      took[Math.min(took.length - 1, Math.ceil(took.length * share) - 1)] ??
      Number.POSITIVE_INFINITY
    const p99 = at(0.99)
    good &&= p99 < BAR_MS
    console.log(
      `${what}: p50 ${at(0.5)} ms, p99 ${p99} ms, max ${at(1)} ms over ${took.length} revocations, every door: ${p99 < BAR_MS ? 'holds' : 'DOES NOT HOLD'}`,
    )
  }
  const reopened = all.flatMap(({ doors }) => doors).reduce((sum, door) => sum + door.reopened, 0)
  console.log(`let in again after a refusal: ${reopened}`)
  return good && reopened === 0
}

async function revokeOrderItself(): Promise<boolean> {
  const order = async () => (await platform.processes()).find(({ name }) => name === 'order-1')
  const before = await order()
  const at = Date.now()
  const ended = await platform.desk('cert', 'revoke', 'order', '--yes')
  console.log(ended.stdout.trim(), ended.stderr.trim())
  for (;;) {
    const now = await order()
    const back = now?.health === 'ready' && now.pid !== before?.pid
    if (back) break
    if (Date.now() - at > 30_000) {
      console.log('order did not come back: DOES NOT HOLD')
      return false
    }
    await new Promise((done) => setTimeout(done, 100))
  }
  console.log(`order, itself revoked, was back with a new certificate after ${Date.now() - at} ms`)
  return ended.code === 0
}
