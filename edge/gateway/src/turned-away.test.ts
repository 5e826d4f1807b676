import { auditEventSchema, type NewAuditEvent } from '@countersign/contract/platform'
import { createLog, Metrics } from '@countersign/ground/telemetry'
import { expect, it } from 'vitest'
import { createEvents } from './events.ts'

const checked = auditEventSchema.omit({
  id: true,
  timestamp: true,
  serviceName: true,
  service: true,
})

function eventsTo(records: NewAuditEvent[]) {
  const log = createLog({ service: 'gateway', node: 'gateway-1', level: 'silent' })
  const record = (event: NewAuditEvent): void => void records.push(event)
  const audit = { record, recordDurably: async () => {}, flush: async () => 0 }
  return createEvents({ log, metrics: new Metrics(), audit: audit as never, spans: undefined })
}

it('a flood of connections that come to nothing is one record for each source', () => {
  const records: NewAuditEvent[] = []
  const events = eventsTo(records)
  for (let i = 0; i < 1_000; i++) {
    events.refusedConnection('handshake', '192.0.2.1')
    events.refusedConnection('pipeline', '192.0.2.2')
    // Nobody is to blame for these.
    events.refusedConnection('handshake')
  }
  expect(records).toEqual([])
  events.flush()
  const told = records.map(({ client, countersign }) => [
    client?.ip,
    countersign?.details?.why,
    countersign?.details?.connections,
  ])
  expect(told).toEqual([
    ['192.0.2.1', 'handshake', '1000'],
    ['192.0.2.2', 'pipeline', '1000'],
  ])
  for (const each of records) expect(checked.safeParse(each).error).toBeUndefined()
  events.flush()
  expect(records).toHaveLength(2)
})
