import { until } from '@countersign/ground/testkit'
import { expect, test } from 'vitest'
import { testTools } from '../testing/tools.ts'
import { RECORD_BYTES_MAX } from './limits.ts'
import { DeliveryQueue } from './queue.ts'
import { type QueueSettings, queueFields, queueOf } from './queue-schema.ts'

function queueTo(send: (batch: readonly string[]) => Promise<void>, given: Partial<QueueSettings>) {
  const tools = testTools()
  const settings = { ...queueOf(queueFields.parse(null), { max_batch_size: 1 }), ...given }
  const queue = new DeliveryQueue({ plugin: 'test', settings, tools, send })
  const dropped = async (reason: string) =>
    (await tools.metrics.text()).match(new RegExp(`reason="${reason}"} ([0-9]+)`))?.[1] ?? '0'
  return { queue, dropped, tools }
}

test("has Kong's defaults", () => {
  expect(queueOf(queueFields.parse(undefined), { max_batch_size: 200 })).toEqual({
    max_batch_size: 200,
    max_coalescing_delay: 1,
    max_entries: 10_000,
    max_bytes: null,
    max_retry_time: 60,
    initial_retry_delay: 0.01,
    max_retry_delay: 60,
    concurrency_limit: 1,
  })
})

test('sends full batches, in order, and the rest when it is closed', async () => {
  const batches: (readonly string[])[] = []
  const { queue } = queueTo(
    async (batch) => {
      batches.push(batch)
    },
    { max_batch_size: 3, max_coalescing_delay: 3_600 },
  )
  for (let i = 0; i < 7; i++) queue.add(String(i))
  await until(() => batches.length === 2, 'the batches are there')
  await queue.close()
  expect(batches).toEqual([['0', '1', '2'], ['3', '4', '5'], ['6']])
})

test('a batch that does not fill leaves after its delay', async () => {
  const batches: (readonly string[])[] = []
  const { queue } = queueTo(
    async (batch) => {
      batches.push(batch)
    },
    { max_batch_size: 100, max_coalescing_delay: 0.01 },
  )
  queue.add('a')
  await until(() => batches.length === 1, 'the batches are there')
  queue.add('b')
  await until(() => batches.length === 2, 'the batches are there')
})

test('sends again what was not taken, and gives up in the end', async () => {
  let calls = 0
  const taken = queueTo(
    () => (++calls < 3 ? Promise.reject(new Error('down')) : Promise.resolve()),
    { initial_retry_delay: 0.001 },
  )
  taken.queue.add('a')
  await until(() => calls === 3, 'the batches are there')
  await until(() => taken.queue.size === 0, 'the batches are there')
  expect(await taken.dropped('undelivered')).toBe('0')

  const lost = queueTo(() => Promise.reject(new Error('down')), {
    initial_retry_delay: 0.001,
    max_retry_time: 0.005,
  })
  lost.queue.add('a')
  await until(async () => (await lost.dropped('undelivered')) === '1', 'the batches are there')
  expect(lost.tools.lines.at(-1)?.message).toBe('records were not taken')
})

test('a full queue loses its oldest records, and counts them', async () => {
  const release = Promise.withResolvers<void>()
  const batches: (readonly string[])[] = []
  const { queue, dropped } = queueTo(
    async (batch) => {
      batches.push(batch)
      await release.promise
    },
    { max_entries: 3 },
  )
  queue.add('0')
  await until(() => batches.length === 1, 'the batches are there')
  for (let i = 1; i < 5_000; i++) queue.add(String(i))
  expect(queue.size).toBe(3)
  expect(await dropped('full')).toBe('4996')
  release.resolve()
  await until(() => batches.length === 4, 'the batches are there')
  expect(batches.slice(1)).toEqual([['4997'], ['4998'], ['4999']])
})

test('holds no more bytes than it may', async () => {
  const { queue, dropped } = queueTo(() => Promise.resolve(), {
    max_bytes: 10,
    max_batch_size: 100,
    max_coalescing_delay: 3_600,
  })
  for (let i = 0; i < 5; i++) queue.add('12345')
  expect(queue.size).toBe(2)
  queue.add('x'.repeat(RECORD_BYTES_MAX + 1))
  expect(await dropped('oversized')).toBe('1')
  await queue.close()
  queue.add('late')
  expect(await dropped('closed')).toBe('1')
})
