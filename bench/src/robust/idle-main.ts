import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { startProgram } from '../gateway/program.ts'
import { assertClean } from '../gateway/load.ts'
import { Arena, option, type RunningGateway } from './arena.ts'

/*
 * npm run long:idle [-- --connections 20000 --balanced 9000]: connections that have had one answer and say nothing more. Prints what
 * memory each costs: at gateways, which share them, and at the balancer with a gateway behind it. Ends with code 1 where one of them is
 * not there any more, or good traffic fails beside them.
 *
 * A process may have so many files open (ulimit -n): a connection is one of a gateway and two of the balancer, so that
 * 20 000 take two gateways here. One source may have 4096 at the balancer: they come from several.
 */
const connections = option('connections', 20_000)
const balanced = option('balanced', 9_000)
const OF_A_HOLDER_MAX = 9_500
const OF_A_SOURCE = 1_000
const SETTLE_MS = 5_000
const GOOD_RATE = 100

const arena = await Arena.open()
try {
  const holder = join(arena.work, 'hold')
  const source = join(import.meta.dirname, 'hold.c')
  const built = spawnSync('gcc', ['-O2', '-Wall', source, '-lssl', '-lcrypto', '-o', holder])
  if (built.status !== 0) throw new Error(`gcc cannot compile hold.c: ${built.stderr}`)
  await measure(holder, connections, async () => {
    const needed = Math.ceil(connections / 10_000)
    const all = await Promise.all(Array.from({ length: needed }, () => arena.gateway()))
    return { doors: all, weighed: { gateways: all } }
  })
  await measure(holder, balanced, async () => {
    const gateway = await arena.gateway(true)
    const balancer = await arena.balancer([gateway])
    return { doors: [balancer], weighed: { balancer: [balancer], gateway: [gateway] } }
  })
} finally {
  await arena.close()
}

interface Start {
  readonly doors: readonly RunningGateway[]
  /** Whose memory is told. */
  readonly weighed: Readonly<Record<string, readonly RunningGateway[]>>
}

async function measure(holder: string, count: number, start: () => Promise<Start>): Promise<void> {
  const { doors, weighed } = await start()
  const goods = await Promise.all(doors.map(({ port }) => arena.good(port)))
  const before = new Map(Object.entries(weighed).map(([name, all]) => [name, bytesOf(all)]))
  const holders = await Promise.all(shares(doors, count).map((each) => hold(holder, each)))
  await sleep(SETTLE_MS)
  const opened = holders.reduce((sum, each) => sum + each.opened, 0)
  for (const [name, all] of Object.entries(weighed)) {
    const grown = bytesOf(all) - (before.get(name) ?? 0)
    const each = Math.round(grown / opened)
    console.log(
      `${opened} idle connections, ${name}: ${each} bytes each, ${grown >> 20} MiB in sum`,
    )
  }
  const reports = await Promise.all(
    goods.map((good) => good.run({ rate: GOOD_RATE, seconds: 5, wrap: true })),
  )
  for (const report of reports) assertClean('beside idle connections', report)
  console.log(
    `good traffic beside them: p99 ${reports.map(({ p99Ms }) => p99Ms.toFixed(2)).join(', ')} ms`,
  )
  const alive = await Promise.all(holders.map((each) => each.alive()))
  const left = alive.reduce((sum, each) => sum + each, 0)
  console.log(`${left} of ${count} are there still`)
  if (left < count) process.exitCode = 1
  for (const each of holders) await each.close()
  for (const good of goods) await good.close()
}

interface Share {
  readonly port: number
  readonly count: number
  readonly first: string
}
function shares(doors: readonly RunningGateway[], count: number): Share[] {
  const holders = Math.max(doors.length, Math.ceil(count / OF_A_HOLDER_MAX))
  const each = Math.ceil(count / holders)
  return Array.from({ length: holders }, (_, i) => ({
    port: doors[i % doors.length]?.port ?? 0,
    count: Math.min(each, count - i * each),
    first: `127.0.${10 + i * 10}.1`,
  }))
}

async function hold(program: string, { port, count, first }: Share) {
  const command = [
    program,
    ...[port, count, OF_A_SOURCE].map(String),
    first,
    '/open',
    join(arena.work, 'ca.pem'),
  ]
  const started = await startProgram({ core: undefined, command, cwd: arena.work })
  const { stdin, stdout } = started.child
  if (stdin === null || stdout === null) throw new Error('a holder has no pipes')
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]()
  const number = async (): Promise<number> => Number((await lines.next()).value?.split(' ')[1] ?? 0)
  return {
    opened: await number(),
    alive: () => {
      stdin.write('\n')
      return number()
    },
    close: () => started.stop(),
  }
}

/** Resident memory of the processes. */
function bytesOf(all: readonly RunningGateway[]): number {
  return all.reduce((sum, { program }) => {
    const status = readFileSync(`/proc/${program.pid}/status`, 'utf8')
    return sum + 1024 * Number(/VmRSS:\s*([0-9]+)/.exec(status)?.[1] ?? 0)
  }, 0)
}
