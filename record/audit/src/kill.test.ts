import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { temporaryFolder, until } from '@countersign/ground/testkit'
import { expect, test } from 'vitest'
import { readLogFolder } from './log/tile-folder.ts'
import { testEvent } from './testing/events.ts'
import { openAudit } from './testing/open-audit.ts'
import { verifyLog } from './verify/verify-log.ts'

const ROUNDS = 24

test(`kill -9, ${ROUNDS} times: nothing acknowledged is lost, nothing is there twice`, {
  timeout: 180_000,
}, async () => {
  using folder = temporaryFolder()
  using compiled = temporaryFolder()
  const acknowledged = new Set<string>()
  for (let round = 0; round < ROUNDS; round++)
    await runAndKill({ folder: folder.path, compiled: compiled.path, round }, acknowledged)
  const audit = await openAudit(folder.path)
  const { key } = await audit.handlers.key(audit.as('desk'))
  const names: string[] = []
  const ids = new Set<string>()
  for (let after = 0, size = 1; after < size; after += 1_000) {
    const page = await audit.query({ after, limit: 1_000 })
    size = page.size
    for (const { event } of page.entries) {
      names.push(event.action.slice('order.'.length))
      ids.add(event.id)
    }
  }
  const there = new Set(names)
  expect([...acknowledged].filter((name) => !there.has(name))).toEqual([])
  expect(ids.size).toBe(names.length)
  expect(acknowledged.size).toBeGreaterThan(ROUNDS * 20)
  const again = [...acknowledged].slice(-1_000).map((name) => testEvent(name))
  expect((await audit.append(again)).accepted).toBe(0)
  await audit.close()
  const verdict = await verifyLog({ read: readLogFolder(folder.path), key })
  expect(verdict).toMatchObject({ ok: true, size: names.length })
})

/** Lets a process append until some events are acknowledged, and kills it at a moment that it does not expect. */
async function runAndKill(
  { folder, compiled, round }: { folder: string; compiled: string; round: number },
  acknowledged: Set<string>,
): Promise<void> {
  const program = join(import.meta.dirname, 'testing/append-forever.ts')
  const child: ChildProcess = spawn(
    process.execPath,
    ['--conditions=countersign:source', program, folder, String(round)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      // What was compiled once is not compiled at each start.
      env: { ...process.env, NODE_COMPILE_CACHE: compiled },
    },
  )
  const before = acknowledged.size
  if (child.stdout !== null)
    createInterface({ input: child.stdout }).on('line', (name) => acknowledged.add(name))
  await until(() => acknowledged.size >= before + 40, 'the child appends', 20_000)
  // Spread over more than the interval between two checkpoints, so that kills fall into their making as well.
  await new Promise((resolve) => setTimeout(resolve, (round * 97) % 1_100))
  child.kill('SIGKILL')
  await once(child, 'close')
}
