import { startPostgres, wipe } from '@countersign/engines'
import { type Migration, migrate, openPostgres } from '@countersign/ground/store'
import { createLog } from '@countersign/ground/telemetry'
import { temporaryFolder } from '@countersign/ground/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { OrderStore } from './order-store.ts'
import { orderStoreTrial } from './order-store.trial.ts'
import { openPostgresOrderStore } from './order-store-postgres.ts'

const log = createLog({ service: 'order', node: 'order-1', level: 'silent' })
const folder = temporaryFolder()
const password = 'a-password-of-the-test'
let server: Awaited<ReturnType<typeof startPostgres>>
const urlOf = (database: string, user = database): string =>
  server.url({ database, user, password })
const open = (): Promise<OrderStore> => openPostgresOrderStore({ url: urlOf('shop'), log })

beforeAll(async () => {
  server = await startPostgres({ folder: `${folder.path}/pg`, log })
  for (const name of ['shop', 'steps', 'people'])
    await server.createDatabase({ name, owner: name, password })
})
afterAll(async () => {
  await server.stop()
  await wipe(`${folder.path}/pg`, log)
  folder[Symbol.dispose]()
})

describe('orders in PostgreSQL', () => {
  orderStoreTrial(open)

  test('says who it is to the database, and how it gets there', async () => {
    const store = await open()
    expect(store.proof).toMatchObject({
      hop: 'database',
      transport: 'unix socket',
      role: 'shop',
      database: 'shop',
    })
    await store.close()
  })

  test('its role is refused by the database of another service', async () => {
    const wrong = openPostgresOrderStore({ url: urlOf('people', 'shop'), log })
    await expect(wrong).rejects.toMatchObject({ code: '42501' })
  })

  test('it uses an index for the list of one person and for what is open', async () => {
    const { pool } = await openPostgres({ url: urlOf('shop'), applicationName: 'test' })
    const plan = async (where: string): Promise<string> => {
      await pool.query('analyze orders')
      const client = await pool.connect()
      await client.query('set enable_seqscan = off')
      const { rows } = await client.query(`explain select * from orders where ${where} limit 20`)
      client.release(true)
      return JSON.stringify(rows)
    }
    expect(await plan(`person_id = 'x' order by placed_at desc, id desc`)).toContain(
      'orders_of_person',
    )
    const open = `status in ('placing', 'cancelling') and changed_at < now() order by changed_at`
    expect(await plan(open)).toContain('orders_unfinished')
    await pool.end()
  })
})

describe('migrations', () => {
  const steps: readonly Migration[] = [
    { name: '0001-a', sql: 'create table a (id int)' },
    { name: '0002-b', sql: 'create table b (id int); insert into b values (1)' },
  ]
  const database = () => openPostgres({ url: urlOf('steps'), applicationName: 'test' })

  test('each step runs once, however many instances start at one time', async () => {
    const { pool } = await database()
    const ran = await Promise.all(Array.from({ length: 5 }, () => migrate(pool, steps)))
    expect(ran.flat()).toEqual(['0001-a', '0002-b'])
    expect((await pool.query('select * from b')).rowCount).toBe(1)
    await pool.end()
  })

  test('a step that fails leaves nothing behind', async () => {
    const { pool } = await database()
    const broken = { name: '0003-c', sql: 'create table c (id int); select no_such_function()' }
    await expect(migrate(pool, [...steps, broken])).rejects.toThrow('no_such_function')
    expect((await pool.query(`select to_regclass('c') as c`)).rows).toEqual([{ c: null }])
    const right = { name: '0003-c', sql: 'create table c (id int)' }
    expect(await migrate(pool, [...steps, right])).toEqual(['0003-c'])
    await pool.end()
  })

  test('a step that was changed, or comes in the wrong order, is refused; newer steps are left alone', async () => {
    const { pool } = await database()
    const changed = [{ name: '0001-a', sql: 'create table a (id bigint)' }]
    await expect(migrate(pool, changed)).rejects.toMatchObject({ code: 'MIGRATION_CHANGED' })
    const reversed = steps.toReversed()
    await expect(migrate(pool, reversed)).rejects.toMatchObject({ code: 'MIGRATION_ORDER' })
    expect(await migrate(pool, steps.slice(0, 1))).toEqual([])
    await pool.end()
  })
})
