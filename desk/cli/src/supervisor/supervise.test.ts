import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createLog } from '@countersign/ground/telemetry'
import { EXIT_CERTIFICATE_LOST } from '@countersign/service'
import { temporaryFolder, until } from '@countersign/ground/testkit'
import { describe, expect, test } from 'vitest'
import { nextDelay } from './backoff.ts'
import { createProcessRunner } from './process-runner.ts'
import type { ProcessSpec } from './process-spec.ts'
import { type ProcessState, Supervised } from './supervise.ts'

const spec: ProcessSpec = {
  instance: 'tiny-1',
  name: 'tiny',
  module: 'tiny',
  port: 0,
  nodeFlags: [],
  env: {},
  joins: true,
}

interface Tiny {
  readonly firstReady: Promise<void>
  state(): ProcessState
  stop(timeoutMs: number): Promise<void>
  log(): string
  starts(): number
  /** How long it was to wait before each start but the first, as its supervisor has logged it. */
  waitsMs(): number[]
}

/** A real process that behaves as the room of a platform must, or as `body` says. */
function start(folder: string, body: string, extra: { readyMsMax?: number } = {}): Tiny {
  const main = join(folder, 'main.mjs')
  writeFileSync(main, body)
  let starts = 0
  const waits: number[] = []
  const note = (line: string): void => {
    const { delayMs } = JSON.parse(line) as { delayMs?: number }
    if (delayMs !== undefined) waits.push(delayMs)
  }
  const log = createLog({ service: 'desk', node: 'desk', destination: { write: note } })
  const runner = createProcessRunner({
    inherited: { PATH: process.env.PATH },
    logOf: (name) => join(folder, `${name}.log`),
    mainOf: () => main,
  })
  const prepare = async () => ({ TOKEN: `token-${++starts}` })
  const supervised = new Supervised({ spec, runner, prepare, log, ...extra })
  return {
    firstReady: supervised.firstReady,
    state: () => supervised.state,
    stop: (timeoutMs) => supervised.stop(timeoutMs),
    log: () => readFileSync(join(folder, 'tiny-1.log'), 'utf8'),
    starts: () => starts,
    waitsMs: () => waits,
  }
}

const GOOD = `
  console.log('started with', process.env.TOKEN)
  process.on('disconnect', () => process.exit(0))
  process.on('SIGTERM', () => { console.log('orderly'); process.exit(0) })
  process.on('SIGINT', () => console.log('interrupted'))
  process.send({ type: 'ready' })
`

describe('a supervised process', () => {
  test('is ready when it says so, and stops in order', async () => {
    using folder = temporaryFolder()
    const tiny = start(folder.path, GOOD)
    await tiny.firstReady
    const { pid } = tiny.state()
    expect(tiny.state()).toMatchObject({ status: 'ready', restarts: 0 })
    await tiny.stop(2_000)
    expect(tiny.state()).toMatchObject({ status: 'stopped', pid: undefined })
    expect(tiny.log()).toBe('started with token-1\norderly\n')
    expect(() => process.kill(pid ?? 0, 0)).toThrow(/ESRCH/)
  })

  test('is back soon after kill -9, with a new token', async () => {
    using folder = temporaryFolder()
    const tiny = start(folder.path, GOOD)
    await tiny.firstReady
    const { pid } = tiny.state()
    process.kill(pid ?? 0, 'SIGKILL')
    await until(() => tiny.state().status === 'ready' && tiny.state().pid !== pid, 'it is back')
    expect(tiny.state()).toMatchObject({ restarts: 1, lastExit: { signal: 'SIGKILL' } })
    expect(tiny.log()).toContain('started with token-2')
    await tiny.stop(2_000)
  })

  test('that lost its certificate is back at once, however long it would have to wait after crashes', async () => {
    using folder = temporaryFolder()
    const file = join(folder.path, 'starts')
    writeFileSync(file, '')
    // Four crashes soon after it was ready, a loss of the certificate, and then it stays.
    const body = `
      import { appendFileSync, readFileSync } from 'node:fs'
      appendFileSync(${JSON.stringify(file)}, Date.now() + '\\n')
      const count = readFileSync(${JSON.stringify(file)}, 'utf8').trim().split('\\n').length
      process.on('SIGTERM', () => process.exit(0))
      process.send({ type: 'ready' })
      setTimeout(() => process.exit(count < 5 ? 1 : 79), count < 6 ? 20 : 60_000)
    `
    const tiny = start(folder.path, body)
    await until(() => tiny.starts() === 6 && tiny.state().status === 'ready', 'the sixth start')
    const at = readFileSync(file, 'utf8').trim().split('\n').map(Number)
    expect((at[4] ?? 0) - (at[3] ?? 0)).toBeGreaterThan(800)
    expect(tiny.waitsMs()).toEqual([100, 200, 400, 800, 100])
    expect(tiny.state().lastExit).toEqual({ code: EXIT_CERTIFICATE_LOST, signal: null })
    await tiny.stop(2_000)
  })

  test('that ends again and again before it was ready is given up', async () => {
    using folder = temporaryFolder()
    const tiny = start(folder.path, `console.error('no database'); process.exit(7)`)
    await expect(tiny.firstReady).rejects.toThrow('tiny-1 ended (exit code 7) before it was ready')
    expect(tiny.state()).toMatchObject({ status: 'failed', lastExit: { code: 7 } })
    expect(tiny.starts()).toBe(3)
    await tiny.stop(100)
  })

  test('that never says ready is ended and tried again', async () => {
    using folder = temporaryFolder()
    const tiny = start(folder.path, 'setInterval(() => {}, 1000)', { readyMsMax: 200 })
    await expect(tiny.firstReady).rejects.toThrow('tiny-1 ended (SIGKILL) before it was ready')
    expect(tiny.starts()).toBe(3)
    await tiny.stop(100)
  })

  test('whose settings are wrong is not tried again, and its words are kept', async () => {
    using folder = temporaryFolder()
    const body = `process.send({ type: 'failed', message: 'no limit on "list"' }, () => process.exit(78))`
    const tiny = start(folder.path, body)
    await expect(tiny.firstReady).rejects.toThrow('before it was ready: no limit on "list"')
    expect(tiny.starts()).toBe(1)
    await tiny.stop(100)
  })

  test('that does not listen is ended when the time is over', async () => {
    using folder = temporaryFolder()
    const stubborn = `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); process.send({ type: 'ready' })`
    const tiny = start(folder.path, stubborn)
    await tiny.firstReady
    await tiny.stop(300)
    expect(tiny.state().status).toBe('stopped')
  })

  test('can be stopped while it waits for its next start', async () => {
    using folder = temporaryFolder()
    const tiny = start(folder.path, 'process.exit(1)')
    await until(() => tiny.state().restarts === 2, 'two crashes')
    await tiny.stop(1_000)
    await expect(tiny.firstReady).rejects.toThrow()
    expect(['stopped', 'failed']).toContain(tiny.state().status)
  })

  test('leads a process group of its own, which Ctrl-C at the terminal does not reach', async () => {
    using folder = temporaryFolder()
    const tiny = start(folder.path, GOOD)
    await tiny.firstReady
    const stat = readFileSync(`/proc/${tiny.state().pid}/stat`, 'utf8')
    const group = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2])
    expect(group).toBe(tiny.state().pid)
    await tiny.stop(2_000)
  })
})

describe('the wait before a restart', () => {
  test('doubles up to a bound and starts over after a long life', () => {
    const waits: number[] = []
    let delay: number | undefined
    for (let i = 0; i < 8; i++) {
      delay = nextDelay(delay, 10)
      waits.push(delay)
    }
    expect(waits).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000])
    expect(nextDelay(5000, 30_000)).toBe(100)
  })
})
