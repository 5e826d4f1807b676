import type { AuditEvent } from '@countersign/contract/platform'
import { expect, test } from 'vitest'
import { type AskRecord, readRecord } from './read-record.ts'

/** A record of `size` events, several in each millisecond. */
function record(size: number, perMs = 7): { ask: AskRecord; asked: number[] } {
  const asked: number[] = []
  const all = Array.from({ length: size }, (_, index) => {
    const timestamp = new Date(1_700_000_000_000 + Math.floor(index / perMs)).toISOString()
    return { index, event: { id: String(index), timestamp } as AuditEvent }
  }).reverse()
  const ask: AskRecord = async ({ limit, from = '', until = '9' }) => {
    asked.push(limit)
    const fits = all.filter(({ event: { timestamp: at } }) => at >= from && at <= until)
    return fits.slice(0, limit)
  }
  return { ask, asked }
}
const ids = (events: readonly AuditEvent[]) => events.map(({ id }) => Number(id))
const range = (from: number, count: number) => Array.from({ length: count }, (_, i) => from - i)

test('the newest are read over several pages, each once', async () => {
  const { ask, asked } = record(5_000)
  const read = await readRecord(ask, { last: 2_500, from: undefined })
  expect(ids(read.events)).toEqual(range(4_999, 2_500))
  expect([read.isCut, asked.length]).toEqual([true, 3])
})
test('all there are is not cut off', async () => {
  for (const size of [0, 3, 1_000, 1_700]) {
    const read = await readRecord(record(size).ask, { last: 1_700, from: undefined })
    expect([read.events.length, read.isCut]).toEqual([size, false])
  }
  const none = await readRecord(record(5).ask, { last: 0, from: undefined })
  expect(none).toEqual({ events: [], isCut: false })
})
test('none is from before', async () => {
  const from = new Date(1_700_000_000_000 + 100).toISOString()
  const read = await readRecord(record(5_000).ask, { last: 10_000, from })
  expect([read.events.length, read.isCut]).toEqual([5_000 - 700, false])
})
test('more of one moment than a page holds ends the reading', async () => {
  const { ask, asked } = record(5_000, 5_000)
  const read = await readRecord(ask, { last: 4_000, from: undefined })
  expect([read.events.length, read.isCut, asked.length]).toEqual([1_000, true, 2])
})
