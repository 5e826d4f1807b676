import { randomUUID } from 'node:crypto'
import { startDynamo } from '@countersign/engines'
import { createMasterKey } from '@countersign/ground/seal'
import { createLog } from '@countersign/ground/telemetry'
import { temporaryFolder } from '@countersign/ground/testkit'
import type { Workload } from '@countersign/service'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { contextFor } from './handlers/context.fixture.ts'
import type { PaymentHandlers } from './handlers/index.ts'
import { part } from './part.ts'

const lines: string[] = []
const log = createLog({
  service: 'payment',
  node: 'payment-1',
  destination: { write: (line: string) => void lines.push(line) },
})
const workload = { log } as unknown as Workload
const folder = temporaryFolder()
const card = { number: '4242424242424242', expiry: '12/40', holder: 'Holly Holder' }
let server: Awaited<ReturnType<typeof startDynamo>>
const env = () => ({
  PAYMENT_DYNAMO_SOCKET: server.socketPath,
  COUNTERSIGN_MASTER_KEY_FILE: `${folder.path}/master.key`,
})

beforeAll(async () => {
  await createMasterKey(`${folder.path}/master.key`)
  server = await startDynamo({
    folder: `${folder.path}/d`,
    socketPath: `${folder.path}/d.sock`,
    log,
  })
})
afterAll(async () => {
  await server.stop()
  folder[Symbol.dispose]()
})

test('starts, and after a restart still knows what it has charged', async () => {
  const orderId = randomUUID()
  const replies: unknown[] = []
  for (let start = 0; start < 2; start++) {
    const built = await part.create(workload, env())
    const { charge } = built.handlers as unknown as PaymentHandlers
    const body = { orderId, amountMinor: 5, currency: 'EUR', card }
    const context = contextFor('charge', { personId: 'p', idempotencyKey: orderId })
    replies.push(await charge({ body, ...context }))
    await built.close?.()
  }
  expect(replies[0]).toMatchObject({ status: 'captured' })
  expect(replies[1]).toEqual(replies[0])
  expect(lines.join()).not.toContain(card.number)
})

test('does not start without a master key, or without a place for its data', async () => {
  const withoutKey = part.create(workload, { PAYMENT_DYNAMO_SOCKET: server.socketPath })
  await expect(withoutKey).rejects.toThrow(/COUNTERSIGN_MASTER_KEY/)
  const { COUNTERSIGN_MASTER_KEY_FILE } = env()
  const withoutPlace = part.create(workload, { COUNTERSIGN_MASTER_KEY_FILE })
  await expect(withoutPlace).rejects.toThrow(/PAYMENT_DYNAMO_SOCKET/)
})
