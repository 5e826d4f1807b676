import { randomUUID } from 'node:crypto'
import { spawnSync } from 'node:child_process'
import { startPostgres, startRedis, wipe } from '@countersign/engines'
import { createLog } from '@countersign/ground/telemetry'
import { temporaryFolder, until } from '@countersign/ground/testkit'
import type { Workload } from '@countersign/service'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newOrder } from './domain/order.ts'
import { contextFor, permitFor } from './handlers/context.fixture.ts'
import type { OrderHandlers } from './handlers/index.ts'
import { openPostgresOrderStore } from './order/order-store-postgres.ts'
import { part } from './part.ts'
import { testPayments } from './placing/payments.fixture.ts'

const log = createLog({ service: 'order', node: 'order-1', level: 'silent' })
const folder = temporaryFolder()
const shop = { name: 'shop', owner: 'shop', password: 'a-password-of-the-test' }
const permit = permitFor('someone', 'customer')
const payments = testPayments()
const workload = { log, call: () => payments } as unknown as Workload
const items = [{ sku: 'a', quantity: 1, unitPriceMinor: 5 }]
const card = { number: '4242424242424242', expiry: '12/40', holder: 'A' }
let server: Awaited<ReturnType<typeof startPostgres>>
const url = (): string =>
  server.url({ database: shop.name, user: shop.owner, password: shop.password })

beforeAll(async () => {
  server = await startPostgres({ folder: `${folder.path}/pg`, log })
  await server.createDatabase(shop)
})
afterAll(async () => {
  await server.stop()
  await wipe(`${folder.path}/pg`, log)
  folder[Symbol.dispose]()
})

test('settles at its start what a crash has left open', async () => {
  const facts = {
    id: randomUUID(),
    personId: 'someone',
    items,
    currency: 'EUR',
    idempotencyKey: null,
  }
  const store = await openPostgresOrderStore({ url: url(), log })
  await store.insert(newOrder(facts, Date.now() - 60_000))
  const body = { orderId: facts.id, amountMinor: 5, currency: 'EUR', card }
  await payments.charge({ body }, { idempotencyKey: facts.id })
  const built = await part.create(workload, { ORDER_DATABASE_URL: url() })
  const status = async () => (await store.byId(permit, facts.id))?.status
  await until(async () => (await status()) === 'paid', 'the order is settled')
  await built.drain?.()
  await Promise.all([built.close?.(), store.close()])
})

test('says what is missing, and starts nothing', async () => {
  await expect(part.create(workload, {})).rejects.toThrow(/ORDER_DATABASE_URL is missing/)
})

const redisInstalled = spawnSync('redis-server', ['--version']).status === 0
describe.skipIf(!redisInstalled)('two instances with one Redis', () => {
  test('a change at one is seen by the next read at the other; without Redis both go on', async () => {
    const users = [{ name: 'order', password: 'password-in-redis', keys: 'order:*' }]
    const socketPath = `${folder.path}/r.sock`
    const redis = await startRedis({ folder: `${folder.path}/redis`, socketPath, users, log })
    if (redis === undefined) throw new Error('redis-server is installed and does not start')
    const env = {
      ORDER_DATABASE_URL: url(),
      ORDER_REDIS_SOCKET: redis.socketPath,
      ORDER_REDIS_USERNAME: 'order',
      ORDER_REDIS_PASSWORD: 'password-in-redis',
    }
    const instances = [await part.create(workload, env), await part.create(workload, env)] as const
    const [a, b] = instances.map((built) => built.handlers as unknown as OrderHandlers)
    if (a === undefined || b === undefined) throw new Error('two instances')
    const body = { items, currency: 'EUR', card }
    const { id } = await a.place({ body, ...contextFor(permit, { payments }) })
    const readAt = async (at: OrderHandlers): Promise<[string, unknown]> => {
      const context = contextFor(permit)
      const { status } = await at.read({ params: { id }, ...context })
      return [status, context.witnessed[0]?.engine]
    }
    await until(async () => (await readAt(a))[1] === 'Redis', 'Redis answers')
    await until(async () => (await readAt(b))[1] === 'Redis', 'Redis answers')
    await a.cancel({ params: { id }, ...contextFor(permit, { payments }) })
    expect((await readAt(b))[0]).toBe('cancelled')
    await redis.stop()
    for (const at of [a, b]) expect((await readAt(at))[0]).toBe('cancelled')
    await Promise.all(instances.map((built) => built.close?.()))
  })
})
