import { startPostgres, wipe } from '@countersign/engines'
import { createLog } from '@countersign/ground/telemetry'
import { temporaryFolder } from '@countersign/ground/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { UserStore } from './user-store.ts'
import { userStoreTrial } from './user-store.trial.ts'
import { openPostgresUserStore } from './user-store-postgres.ts'

const log = createLog({ service: 'user', node: 'user-1', level: 'silent' })
const folder = temporaryFolder()
const mine = { name: 'people', owner: 'people_owner', password: 'password-of-people' }
let server: Awaited<ReturnType<typeof startPostgres>>
const open = (): Promise<UserStore> =>
  openPostgresUserStore({
    url: server.url({ database: mine.name, user: mine.owner, password: mine.password }),
    log,
  })

beforeAll(async () => {
  server = await startPostgres({ folder: `${folder.path}/pg`, log })
  await server.createDatabase(mine)
})
afterAll(async () => {
  await server.stop()
  await wipe(`${folder.path}/pg`, log)
  folder[Symbol.dispose]()
})

describe('people in PostgreSQL', () => {
  userStoreTrial(open)

  test('says who it is to the database, and how it gets there', async () => {
    const store = await open()
    expect(store.proof).toEqual({
      hop: 'database',
      engine: `PostgreSQL ${server.version}`,
      transport: 'unix socket',
      role: mine.owner,
      database: mine.name,
    })
    await store.close()
  })

  test('several instances can start at one time', async () => {
    const stores = await Promise.all([open(), open(), open()])
    expect(await Promise.all(stores.map((store) => store.list({ limit: 1 })))).toHaveLength(3)
    await Promise.all(stores.map((store) => store.close()))
  })
})
