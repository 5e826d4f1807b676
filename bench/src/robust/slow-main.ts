import { execFileSync, spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { assertClean, type Load, type LoadReport } from '../gateway/load.ts'
import { type Spread, spreadOf } from '../gateway/report/results.ts'
import { Arena, option } from './arena.ts'

/*
 * npm run long:slow [-- --connections 1000 --seconds 30 --rate 200 --rounds 3]: slowhttptest with slow heads (-H), slow bodies (-B)
 * and slow reading (-X) at the gateway, and through the balancer, while good traffic runs. A first wave is not measured: V8 compiles
 * what it has not met before. Then, in turns, good traffic alone and with each attack. Prints the p99 of good traffic of each run and
 * the medians; ends with code 1 where one is twice that of good traffic alone or more, or a good request fails. Some 18 minutes, on a
 * machine that does nothing else.
 *
 * Attackers have machines of their own, so that what is measured is to be what they do to us and not what their own work takes away.
 * slowhttptest opens its connections all at once, every second, and then holds a core for 100 ms. That it runs as SCHED_IDLE is not
 * enough: Linux leaves who wakes up on the other core, behind whoever is there. So all that is ours runs as SCHED_RR, for which it
 * looks for the core with the least important work. That takes root, or CAP_SYS_NICE.
 */
const seconds = option('seconds', 30)
const connections = option('connections', 1_000)
const rate = option('rate', 200)
const rounds = option('rounds', 3)
/** New connections of the attack in a second. */
const openRate = option('open', 200)
const RATIO_MAX = 2

const ATTACKS = {
  'slow heads': ['-H', '-i', '5', '-x', '24', '-t', 'GET', '-u', '/open'],
  'slow bodies': ['-B', '-i', '5', '-x', '24', '-s', '8192', '-t', 'POST', '-u', '/upload'],
  'slow reading': ['-X', '-k', '10', '-w', '1', '-y', '64', '-n', '5', '-z', '8', '-u', '/open'],
} as const

/** Runs until it is killed; gives what it has said last of its connections. */
function attack(port: number, options: readonly string[]): { stop(): Promise<string> } {
  const at = options.map((each) =>
    each.startsWith('/') ? `https://localhost:${port}${each}` : each,
  )
  const length = String(seconds + 10)
  const fixed = ['-c', String(connections), '-r', String(openRate), '-l', length, '-p', '5']
  const child = spawn('chrt', ['--idle', '0', 'slowhttptest', ...fixed, ...at], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  let said = ''
  child.stdout.setEncoding('latin1').on('data', (text: string) => {
    said = (said + text).slice(-4_096)
  })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  return {
    stop: async () => {
      child.kill('SIGINT')
      await ended
      const counts = ['connected', 'pending', 'closed', 'error'].map((name) => {
        const all = [
          ...said.matchAll(new RegExp(`${name}:\\s*(?:\\x1b\\[[0-9;]*m)*\\s*([0-9]+)`, 'g')),
        ]
        return `${all.at(-1)?.[1] ?? '?'} ${name}`
      })
      return counts.join(', ')
    },
  }
}

const told = ({ p50Ms, p99Ms, maxMs, done }: LoadReport): string =>
  `p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms, max ${maxMs.toFixed(0)} ms (${done} requests)`

/** Good traffic, and beside it an attack. */
async function run(good: Load, what: string, attacked?: () => ReturnType<typeof attack>) {
  const slow = attacked?.()
  if (slow !== undefined) await sleep(1_000)
  const report = await good.run({ rate, seconds, wrap: true })
  const counts = await slow?.stop()
  assertClean(what, report)
  console.log(`${what}: ${told(report)}${counts === undefined ? '' : `; ${counts}`}`)
  // What is left of it goes.
  if (slow !== undefined) await sleep(2_000)
  return report.p99Ms
}

async function measure(where: string, { port }: { readonly port: number }): Promise<void> {
  const good = await arena.good(port)
  const kinds = Object.entries(ATTACKS)
  const alone: number[] = []
  const attacked = new Map(kinds.map(([kind]) => [kind, [] as number[]]))
  for (let round = 0; round <= rounds; round++) {
    const name = (what: string): string => `${where}, ${what}${round === 0 ? ', first wave' : ''}`
    const calm = await run(good, name('alone'))
    if (round > 0) alone.push(calm)
    for (const [kind, options] of kinds) {
      const busy = await run(good, name(kind), () => attack(port, options))
      if (round > 0) attacked.get(kind)?.push(busy)
    }
  }
  await good.close()
  for (const [kind, all] of attacked) {
    const [calm, busy] = [spreadOf(alone), spreadOf(all)]
    const ratio = busy.median / calm.median
    const figures = `${rangeOf(busy)} against ${rangeOf(calm)} alone: ${ratio.toFixed(2)} times`
    console.log(`${where}, ${kind}, medians of p99: ${figures}`)
    if (!(ratio < RATIO_MAX)) process.exitCode = 1
  }
}

const rangeOf = ({ median, min, max }: Spread): string =>
  `${median.toFixed(2)} ms (${min.toFixed(2)}–${max.toFixed(2)})`

// Ours, and all that we start from here.
execFileSync('chrt', ['--rr', '--pid', '1', String(process.pid)])
const arena = await Arena.open()
try {
  await measure('gateway', await arena.gateway())
  await measure('balancer', await arena.balancer([await arena.gateway(true)]))
} finally {
  await arena.close()
}
