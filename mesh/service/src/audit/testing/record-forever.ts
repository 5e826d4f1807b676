// For the test of kill -9: records durably, as fast as it can, and says each event that is safe.
import { createLog, Metrics } from '@countersign/ground/telemetry'
import { createAuditWriter } from '../writer.ts'

const [folder = '', round = ''] = process.argv.slice(2)
const writer = await createAuditWriter({
  folder,
  service: 'order',
  instance: 'order-1',
  send: () => Promise.reject(new Error('away')),
  log: createLog({ service: 'order', node: 'order-1', level: 'silent' }),
  metrics: new Metrics(),
})
const record = async (lane: number): Promise<void> => {
  for (let i = 0; ; i++) {
    const action = `order.${round}.${lane}.${i}`
    const event = { kind: 'event' as const, category: ['api' as const], type: ['access' as const] }
    await writer.recordDurably({ action, userId: null, status: 'success', event })
    process.stdout.write(`${action}\n`)
  }
}
await Promise.all([record(0), record(1), record(2), record(3)])
