import { chmodSync, writeFileSync } from 'node:fs'
import { startPostgres, wipe } from '@countersign/engines'
import { createLog, Metrics } from '@countersign/ground/telemetry'
import { temporaryFolder } from '@countersign/ground/testkit'
import type { Workload } from '@countersign/service'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { contextFor } from './handlers/context.fixture.ts'
import type { UserHandlers } from './handlers/parts.ts'
import { part } from './part.ts'

const lines: string[] = []
const log = createLog({
  service: 'user',
  node: 'user-1',
  destination: { write: (line: string) => void lines.push(line) },
})
const folder = temporaryFolder()
const peopleFile = `${folder.path}/people.json`
const demo = { username: 'customer', password: 'a-demo-password', roles: ['customer'] }
const mine = { name: 'people', owner: 'people', password: 'password-of-people' }
let server: Awaited<ReturnType<typeof startPostgres>>

beforeAll(async () => {
  server = await startPostgres({ folder: `${folder.path}/pg`, log })
  await server.createDatabase(mine)
  writeFileSync(peopleFile, JSON.stringify([demo]))
  chmodSync(peopleFile, 0o600)
})
afterAll(async () => {
  await server.stop()
  await wipe(`${folder.path}/pg`, log)
  folder[Symbol.dispose]()
})

test('starts, keeps its people over a restart, and tells nobody a password', async () => {
  const env = {
    USER_DATABASE_URL: server.url({
      database: mine.name,
      user: mine.owner,
      password: mine.password,
    }),
    USER_DEMO_PEOPLE_FILE: peopleFile,
  }
  const ids: (string | undefined)[] = []
  for (let start = 0; start < 2; start++) {
    const metrics = new Metrics()
    const built = await part.create({ log, metrics } as unknown as Workload, env)
    const { verifyPassword } = built.handlers as unknown as UserHandlers
    const body = { username: demo.username, password: demo.password }
    const { person } = await verifyPassword({ body, ...contextFor('verifyPassword') })
    ids.push(person?.id)
    expect(await metrics.text()).toContain('user_password_jobs_waiting 0')
    await built.close?.()
  }
  expect(ids[0]).toBeTypeOf('string')
  expect(ids[1]).toBe(ids[0])
  expect(lines.filter((line) => line.includes('created the demo people'))).toHaveLength(1)
  expect(lines.join()).not.toContain(demo.password)
  expect(lines.join()).not.toContain(mine.password)
})

test('says what is missing, and starts nothing', async () => {
  const created = part.create({ log, metrics: new Metrics() } as unknown as Workload, {})
  await expect(created).rejects.toThrow(/USER_DATABASE_URL is missing/)
})
