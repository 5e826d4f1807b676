import { randomUUID } from 'node:crypto'
import type { Catalogue } from './catalogue/catalogue.ts'
import type { Collector } from './collector.ts'
import { fromBytes, toEntry } from './domain/entry.ts'
import type { EntryLog } from './log/entry-log.ts'
import type { EntryReader } from './log/entry-reader.ts'

/**
 * Makes the catalogue fit the log: reads what it lacks, or makes it anew where it is of another log. A catalogue that
 * knows more than the log means that acknowledged entries are gone: that becomes an alert in the log itself.
 */
export async function bringUp(parts: {
  readonly catalogue: Catalogue
  readonly log: EntryLog
  readonly reader: EntryReader
  readonly collector: Collector
  readonly instance: string
}): Promise<void> {
  const { catalogue, log, collector, instance } = parts
  const lost = catalogue.size - log.size
  if (lost > 0 || !(await fits(parts))) catalogue.clear()
  await collector.catchUp()
  if (lost > 0) await log.append([shortened(lost, instance)])
}

async function fits({ catalogue, reader }: { catalogue: Catalogue; reader: EntryReader }) {
  if (catalogue.size === 0) return true
  const last = catalogue.size - 1
  const { event } = fromBytes(await reader.entry(last))
  return catalogue.find(event.id) === last
}

function shortened(lost: number, instance: string) {
  return toEntry({
    id: randomUUID(),
    timestamp: new Date().toISOString(),
    serviceName: 'audit',
    action: 'audit.shortened',
    userId: null,
    status: 'failure',
    event: {
      kind: 'alert',
      category: ['intrusion_detection'],
      type: ['deletion'],
      reason: `${lost} entries that were in the log are no longer there`,
    },
    service: { node: { name: instance } },
    rule: { id: 'audit.shortened', name: 'the log became shorter' },
    countersign: { details: { lost } },
  })
}
