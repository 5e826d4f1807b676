import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { assertClean, type LoadReport } from '../gateway/load.ts'
import { Arena, option } from './arena.ts'

/*
 * npm run long:slow [-- --connections 1000 --seconds 30 --rate 200]: slowhttptest with slow heads (-H), slow bodies (-B) and slow
 * reading (-X) at the gateway, and through the balancer, while good traffic runs. Prints the p99 of good traffic with and without
 * it; ends with code 1 where it is twice as much or more, or a good request fails. Attackers have machines of their own: theirs runs
 * only where nobody else wants to (SCHED_IDLE), so that what is measured is what it does to us and not what its own work takes away.
 */
const seconds = option('seconds', 30)
const connections = option('connections', 1_000)
const rate = option('rate', 200)
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

const arena = await Arena.open()
try {
  const direct = await arena.gateway()
  const balancer = await arena.balancer([await arena.gateway(true)])
  for (const [where, { port }] of Object.entries({ gateway: direct, balancer })) {
    const good = await arena.good(port)
    const calm = await good.run({ rate, seconds, wrap: true })
    assertClean(where, calm)
    console.log(`${where}, alone: ${told(calm)}`)
    for (const [kind, options] of Object.entries(ATTACKS)) {
      const slow = attack(port, options)
      await sleep(1_000)
      const busy = await good.run({ rate, seconds, wrap: true })
      const counts = await slow.stop()
      assertClean(`${where}, ${kind}`, busy)
      const ratio = busy.p99Ms / calm.p99Ms
      console.log(`${where}, ${kind}: ${told(busy)}: ${ratio.toFixed(2)} times; ${counts}`)
      if (!(ratio < RATIO_MAX)) process.exitCode = 1
      // What is left of it goes.
      await sleep(2_000)
    }
    await good.close()
  }
} finally {
  await arena.close()
}
