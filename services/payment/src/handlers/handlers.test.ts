import { createSecretKey, randomBytes, randomUUID } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { startDynamo } from '@countersign/engines'
import { createMemoryCache } from '@countersign/ground/store'
import { createLog } from '@countersign/ground/telemetry'
import { temporaryFolder, until } from '@countersign/ground/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createCardSeal } from '../charge/card-seal.ts'
import { Till } from '../charge/till.ts'
import { paymentIdOf } from '../domain/payment.ts'
import { openDynamoPaymentStore } from '../payment/payment-store-dynamo.ts'
import type { PaymentStore } from '../payment/payment-store.ts'
import { createDemoProcessor } from '../processor/demo-processor.ts'
import { contextFor } from './context.fixture.ts'
import { cacheGroup, handlers, type PaymentHandlers } from './index.ts'

const log = createLog({ service: 'payment', node: 'payment-1', level: 'silent' })
const folder = temporaryFolder()
const card = { number: '4242424242424242', expiry: '12/40', holder: 'Holly Holder' }
let server: Awaited<ReturnType<typeof startDynamo>>
let store: PaymentStore
let payment: PaymentHandlers

beforeAll(async () => {
  server = await startDynamo({ folder: folder.path, socketPath: `${folder.path}/d.sock`, log })
  store = await openDynamoPaymentStore({ socketPath: server.socketPath, table: 'payments' })
  const cache = createMemoryCache({ ttlMs: 60_000 })
  const cards = createCardSeal(createSecretKey(randomBytes(32)), 'payments')
  const processor = createDemoProcessor(Date.now)
  const onChange = ({ id }: { id: string }) => cache.forget([cacheGroup(id)])
  const till = new Till({ store, processor, cards, now: Date.now, onChange })
  payment = handlers({ store, cache, till, now: Date.now })
})
afterAll(async () => {
  await store.close()
  await server.stop()
  folder[Symbol.dispose]()
})

const charge = (orderId: string, amountMinor = 1_500, context = { idempotencyKey: orderId }) =>
  payment.charge({
    body: { orderId, amountMinor, currency: 'EUR', card },
    ...contextFor('charge', { personId: 'someone', ...context }),
  })

describe('charge', () => {
  test('answers with what was charged, and proves the store and the sealing', async () => {
    const orderId = randomUUID()
    const context = contextFor('charge', { personId: 'someone', idempotencyKey: orderId })
    const body = { orderId, amountMinor: 1_500, currency: 'EUR', card }
    expect(await payment.charge({ body, ...context })).toEqual({
      paymentId: paymentIdOf(orderId),
      status: 'captured',
      maskedCard: '**** **** **** 4242',
      amountMinor: 1_500,
      currency: 'EUR',
    })
    expect(context.witnessed).toEqual([
      {
        hop: 'database',
        engine: 'DynamoDB',
        transport: 'unix socket',
        table: 'payments',
        sealed: 'cardNumber sealed AES-256-GCM',
      },
    ])
  })

  test("needs the order's id as its key", async () => {
    const orderId = randomUUID()
    for (const idempotencyKey of [randomUUID(), ''])
      await expect(charge(orderId, 1, { idempotencyKey })).rejects.toMatchObject({ status: 400 })
    expect(await store.byId(paymentIdOf(orderId))).toBeUndefined()
  })

  test('twenty at one time are one payment', async () => {
    const orderId = randomUUID()
    const replies = await Promise.all(Array.from({ length: 20 }, () => charge(orderId)))
    expect(new Set(replies.map((reply) => JSON.stringify(reply))).size).toBe(1)
    await expect(charge(orderId, 2)).rejects.toMatchObject({ status: 409 })
  })

  test('neither number nor holder lies in any file of the engine', async () => {
    await charge(randomUUID())
    const files = (path: string): string[] =>
      statSync(path).isDirectory()
        ? readdirSync(path).flatMap((name) => files(join(path, name)))
        : statSync(path).isFile()
          ? [path]
          : []
    const bytes = Buffer.concat(files(folder.path).map((file) => readFileSync(file)))
    expect(bytes.includes('payments')).toBe(true)
    for (const secret of [card.number, card.holder]) {
      expect(bytes.includes(secret)).toBe(false)
      expect(bytes.includes(Buffer.from(secret).toString('base64').replaceAll('=', ''))).toBe(false)
    }
  })
})

describe('the order service', () => {
  test('settles: the outcome of a charge, or none for ever', async () => {
    const [charged, never] = [randomUUID(), randomUUID()]
    await charge(charged)
    const settle = (orderId: string) =>
      payment.settle({ params: { orderId }, ...contextFor('settle') })
    expect(await settle(charged)).toEqual({ outcome: 'captured', paymentId: paymentIdOf(charged) })
    expect(await settle(never)).toEqual({ outcome: 'none', paymentId: null })
    await expect(charge(never)).rejects.toMatchObject({ status: 409 })
  })

  test('gives money back, and a reader sees it at once', async () => {
    const orderId = randomUUID()
    await charge(orderId)
    const read = () => payment.read({ params: { id: paymentIdOf(orderId) }, ...contextFor('read') })
    expect((await read()).status).toBe('captured')
    for (let i = 0; i < 2; i++)
      await payment.giveBack({ params: { orderId }, ...contextFor('giveBack') })
    expect((await read()).status).toBe('refunded')
  })
})

describe('people', () => {
  test('read a payment without its card; the second time from the cache', async () => {
    const orderId = randomUUID()
    await charge(orderId)
    const contexts = [contextFor('read'), contextFor('read')]
    const params = { id: paymentIdOf(orderId) }
    for (const context of contexts) {
      const read = await payment.read({ params, ...context })
      expect(Object.keys(read).toSorted()).toEqual([
        'amountMinor',
        'createdAt',
        'currency',
        'id',
        'maskedCard',
        'orderId',
        'personId',
        'status',
      ])
    }
    expect(contexts.map((context) => context.witnessed[0]?.hop)).toEqual(['database', 'cache'])
    const unknown = payment.read({ params: { id: randomUUID() }, ...contextFor('read') })
    await expect(unknown).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  test('neither cache nor database is asked for an id that no payment can have', async () => {
    const context = contextFor('read')
    const asked = payment.read({ params: { id: 'x'.repeat(200) }, ...context })
    await expect(asked).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(context.witnessed).toEqual([])
  })

  test('list the payments of today by pages', async () => {
    for (let i = 0; i < 3; i++) await charge(randomUUID())
    const page = (after?: string) =>
      payment.list({ query: { limit: 2, after }, ...contextFor('list') })
    await until(async () => (await page()).next !== null, 'the list')
    const first = await page()
    const second = await page(first.next ?? '')
    const ids = [...first.payments, ...second.payments].map((each) => each.id)
    expect(new Set(ids).size).toBe(4)
    expect(JSON.stringify([first, second])).not.toContain('sealed')
  })

  test('refund once; what holds no money is a conflict', async () => {
    const orderId = randomUUID()
    await charge(orderId)
    const refund = (id: string) => payment.refund({ params: { id }, ...contextFor('refund') })
    for (let i = 0; i < 2; i++) expect((await refund(paymentIdOf(orderId))).status).toBe('refunded')
    const never = randomUUID()
    await payment.settle({ params: { orderId: never }, ...contextFor('settle') })
    await expect(refund(paymentIdOf(never))).rejects.toMatchObject({ code: 'CONFLICT' })
    await expect(refund(randomUUID())).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })
})
