import { startDynamo } from '@countersign/engines'
import { createLog } from '@countersign/ground/telemetry'
import { temporaryFolder } from '@countersign/ground/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connectDynamo } from './dynamo-client.ts'
import type { PaymentStore } from './payment-store.ts'
import { paymentStoreTrial } from './payment-store.trial.ts'
import { openDynamoPaymentStore } from './payment-store-dynamo.ts'

const log = createLog({ service: 'payment', node: 'payment-1', level: 'silent' })
const folder = temporaryFolder()
let server: Awaited<ReturnType<typeof startDynamo>>
const open = (): Promise<PaymentStore> =>
  openDynamoPaymentStore({ socketPath: server.socketPath, table: 'payments' })

beforeAll(async () => {
  server = await startDynamo({ folder: folder.path, socketPath: `${folder.path}/d.sock`, log })
})
afterAll(async () => {
  await server.stop()
  folder[Symbol.dispose]()
})

describe('payments in DynamoDB', () => {
  test('several instances that start at one time make one table', async () => {
    const stores = await Promise.all([open(), open(), open()])
    expect(stores[0]?.proof).toEqual({
      hop: 'database',
      engine: 'DynamoDB',
      transport: 'unix socket',
      table: 'payments',
    })
    await Promise.all(stores.map((store) => store.close()))
  })
  paymentStoreTrial(open)
})

test('another machine without TLS is refused before anything is sent', () => {
  expect(() => connectDynamo({ endpoint: 'http://dynamo.example:8000' })).toThrow('https://')
  expect(connectDynamo({ endpoint: 'http://127.0.0.1:8000' }).transport).toBe('loopback')
  expect(
    connectDynamo({ endpoint: 'https://dynamo.example', region: 'eu-central-1' }).transport,
  ).toBe('TLS')
})
