import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createLog } from '@countersign/ground/telemetry'
import { until } from '@countersign/ground/testkit'
import { expect, test } from 'vitest'
import { type EngineLike, keepEngine } from './kept-engine.ts'

const log = createLog({ service: 'desk', node: 'desk', level: 'silent' })

async function startSleeper(): Promise<EngineLike> {
  const child: ChildProcess = spawn('sleep', ['60'])
  const exited = once(child, 'exit').then(() => undefined)
  const stop = async (): Promise<void> => {
    child.kill()
    await exited
  }
  return { version: '1', why: 'a test', pid: child.pid, exited, stop }
}

test('an engine that is killed comes back, and a stopped one does not', async () => {
  let starts = 0
  const kept = await keepEngine(
    'sleeper',
    () => {
      starts++
      return startSleeper()
    },
    log,
  )
  const { pid } = kept.current()
  process.kill(pid ?? 0, 'SIGKILL')
  await until(() => kept.health === 'up' && kept.current().pid !== pid, 'it is back')
  await kept.stop()
  expect(starts).toBe(2)
  expect(() => process.kill(kept.current().pid ?? 0, 0)).toThrow(/ESRCH/)
})

test('an engine that cannot start again is tried again', async () => {
  let starts = 0
  const kept = await keepEngine(
    'sleeper',
    async () => {
      if (++starts === 2) throw new Error('not yet')
      return startSleeper()
    },
    log,
  )
  process.kill(kept.current().pid ?? 0, 'SIGKILL')
  await until(() => starts === 3 && kept.health === 'up', 'it is back at the second try')
  await kept.stop()
})

test('the first start is for the caller to judge', async () => {
  await expect(
    keepEngine('none', () => Promise.reject(new Error('no program')), log),
  ).rejects.toThrow('no program')
})
