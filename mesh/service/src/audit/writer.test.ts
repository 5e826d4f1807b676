import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import {
  type AuditEvent,
  auditEventSchema,
  type NewAuditEvent,
} from '@countersign/contract/platform'
import { createLog, Metrics } from '@countersign/ground/telemetry'
import { temporaryFolder, until } from '@countersign/ground/testkit'
import { describe, expect, test } from 'vitest'
import type { WriterLimits } from './limits.ts'
import { createAuditWriter } from './writer.ts'

const event = (action: string, status: NewAuditEvent['status'] = 'success'): NewAuditEvent => ({
  action,
  userId: 'u-1',
  status,
  event: { kind: 'event', category: ['api'], type: ['access'] },
})

/** A collector as the contract describes it: it checks, keeps one event an id, and can be away. */
function collector() {
  const events = new Map<string, AuditEvent>()
  const state = { away: false, calls: 0, poison: '' }
  const send = async (batch: readonly AuditEvent[]): Promise<void> => {
    state.calls++
    if (state.away) throw new Error('connect ECONNREFUSED')
    for (const each of batch)
      if (!auditEventSchema.safeParse(each).success || each.action === state.poison)
        throw Object.assign(new Error('BODY_INVALID'), { status: 400 })
    for (const each of batch) events.set(each.id, each)
  }
  const actions = (): string[] => [...events.values()].map(({ action }) => action)
  return { events, state, send, actions }
}

async function writerAt(
  folder: string,
  send: (events: readonly AuditEvent[]) => Promise<void>,
  limits: Partial<WriterLimits> = {},
) {
  const metrics = new Metrics()
  const lines: string[] = []
  const log = createLog({
    service: 'order',
    node: 'order-1',
    destination: { write: (line) => lines.push(line) },
  })
  const options = { folder, service: 'order', instance: 'order-1', send, log, metrics, limits }
  const writer = await createAuditWriter(options)
  const figure = async (name: string): Promise<number> => {
    const values = await metrics.registry.getSingleMetric(name)?.get()
    return (values?.values ?? []).reduce((sum, { value }) => sum + value, 0)
  }
  return { writer, figure, lines, [Symbol.asyncDispose]: () => writer.close() }
}
const segmentsIn = (folder: string): string[] =>
  readdirSync(folder).filter((name) => /^[0-9]+\.ndjson$/.test(name))

describe('audit writer', () => {
  test('ships events in order, with id, time, service and instance, soon after they are recorded', async () => {
    using folder = temporaryFolder()
    const { send, events, actions } = collector()
    await using at = await writerAt(folder.path, send)
    for (let i = 0; i < 20; i++) at.writer.record(event(`order.a${i}`))
    await until(() => events.size === 20, 'all arrive')
    expect(actions()).toEqual(Array.from({ length: 20 }, (_, i) => `order.a${i}`))
    const [first] = events.values()
    expect(first).toMatchObject({ serviceName: 'order', service: { node: { name: 'order-1' } } })
    expect(await at.writer.flush(10_000)).toBe(0)
  })

  test('keeps what the collector cannot take, and sends it when the collector is back', async () => {
    using folder = temporaryFolder()
    const { send, state, events } = collector()
    state.away = true
    await using at = await writerAt(folder.path, send, { retryMsMax: 50 })
    for (let i = 0; i < 1_200; i++) at.writer.record(event('order.place'))
    expect(await at.writer.flush(300)).toBe(1_200)
    await until(() => state.calls > 2, 'it is tried again')
    state.away = false
    await until(() => events.size === 1_200, 'all arrive')
    expect(await at.writer.flush(10_000)).toBe(0)
    expect(await at.figure('countersign_audit_spool_bytes')).toBe(0)
    expect(await at.figure('countersign_audit_send_failures_total')).toBeGreaterThan(2)
  })

  test('goes on after failures with growing waits, however much is recorded meanwhile', async () => {
    using folder = temporaryFolder()
    const { send, state } = collector()
    state.away = true
    await using at = await writerAt(folder.path, send)
    const began = performance.now()
    for (let i = 0; i < 50; i++) {
      at.writer.record(event('order.place'))
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    // A busy machine takes longer, and more attempts fall into a longer time.
    expect(state.calls).toBeLessThan(8 + (performance.now() - began - 500) / 500)
  })

  test('a call that never ends is given up and repeated', async () => {
    using folder = temporaryFolder()
    const { send, events } = collector()
    let calls = 0
    const stuckOnce = (batch: readonly AuditEvent[]): Promise<void> =>
      ++calls === 1 ? new Promise(() => undefined) : send(batch)
    await using at = await writerAt(folder.path, stuckOnce, { sendTimeoutMs: 100 })
    at.writer.record(event('order.place'))
    await until(() => events.size === 1, 'the second call succeeds')
  })

  test('goes on with what an earlier writer of the folder left, and over a line that broke off', async () => {
    using folder = temporaryFolder()
    const { send, state, actions } = collector()
    state.away = true
    const first = await writerAt(folder.path, send)
    await first.writer.recordDurably(event('order.one'))
    await first.writer.recordDurably(event('order.two'))
    await first.writer.close()
    const [segment = ''] = segmentsIn(folder.path)
    writeFileSync(join(folder.path, segment), '{"id":"half', { flag: 'a' })
    state.away = false
    await using second = await writerAt(folder.path, send)
    second.writer.record(event('order.three'))
    await until(() => actions().length === 3, 'all arrive')
    expect(actions()).toEqual(['order.one', 'order.two', 'order.three'])
    expect(await second.writer.flush(1_000)).toBe(0)
    await until(() => segmentsIn(folder.path).length === 1, 'the old segment is deleted')
  })

  test('rolls segments and deletes them once acknowledged', async () => {
    using folder = temporaryFolder()
    const { send, state, events } = collector()
    state.away = true
    await using at = await writerAt(folder.path, send, { segmentBytesMax: 4_096, retryMsMax: 20 })
    for (let i = 0; i < 100; i++) await at.writer.recordDurably(event('order.place'))
    expect(segmentsIn(folder.path).length).toBeGreaterThan(5)
    state.away = false
    expect(await at.writer.flush(10_000)).toBe(0)
    expect(events.size).toBe(100)
    await until(() => segmentsIn(folder.path).length <= 1, 'old segments are deleted')
  })

  test('one bad event is found, set aside and told; the others arrive', async () => {
    using folder = temporaryFolder()
    const { send, state, actions } = collector()
    state.poison = 'order.poison'
    state.away = true
    await using at = await writerAt(folder.path, send, { retryMsMax: 20 })
    for (let i = 0; i < 300; i++)
      at.writer.record(event(i === 137 ? 'order.poison' : `order.a${i}`))
    await at.writer.flush(50)
    state.away = false
    expect(await at.writer.flush(10_000)).toBe(0)
    expect(new Set(actions()).size).toBe(299)
    const rejected = readFileSync(join(folder.path, 'rejected.ndjson'), 'utf8').trim().split('\n')
    expect(rejected.map((line) => JSON.parse(line).action)).toEqual(['order.poison'])
    expect(await at.figure('countersign_audit_rejected_total')).toBe(1)
    expect(at.lines.join('')).toContain('set aside')
  })

  test('a full spool: acts are refused, success is let go first, and the loss is told afterwards', async () => {
    using folder = temporaryFolder()
    const { send, state, actions, events } = collector()
    state.away = true
    await using at = await writerAt(folder.path, send, { spoolBytesMax: 20_000, retryMsMax: 20 })
    const durable = async (): Promise<string> =>
      at.writer.recordDurably(event('order.act')).then(
        () => 'kept',
        (error) => error.code,
      )
    const fill = async (status: NewAuditEvent['status']): Promise<number> => {
      const before = await at.figure('countersign_audit_dropped_total')
      for (let i = 0; i < 100; i++) {
        at.writer.record(event('order.call', status))
        await at.writer.flush(0)
      }
      return (await at.figure('countersign_audit_dropped_total')) - before
    }
    const successLost = await fill('success')
    expect(successLost).toBeGreaterThan(10)
    expect(await durable()).toBe('kept')
    const refusalsLost = await fill('refused')
    expect(refusalsLost).toBeLessThan(100)
    expect(await durable()).toBe('AUDIT_UNAVAILABLE')
    expect(await at.figure('countersign_audit_spool_bytes')).toBeLessThan(22_000)
    state.away = false
    await until(() => actions().includes('audit.dropped'), 'the loss is told')
    const told = [...events.values()].find(({ action }) => action === 'audit.dropped')
    expect(told?.countersign?.details).toEqual({ success: successLost, other: refusalsLost })
    expect(await durable()).toBe('kept')
  })

  test('a flood of refusals becomes one event with a count; nothing else is held back', async () => {
    using folder = temporaryFolder()
    const { send, events } = collector()
    await using at = await writerAt(folder.path, send)
    for (let i = 0; i < 5_000; i++) at.writer.record(event('order.place', 'refused'))
    for (let i = 0; i < 400; i++) at.writer.record(event('order.read'))
    expect(await at.writer.flush(10_000)).toBe(0)
    const all = [...events.values()]
    const refused = all.filter(({ status }) => status === 'refused')
    expect(refused.length).toBeLessThan(1_300)
    const counted = refused.reduce((sum, { countersign }) => sum + (countersign?.repeated ?? 1), 0)
    expect(counted).toBe(5_000)
    expect(all.filter(({ status }) => status === 'success')).toHaveLength(400)
  })

  test('after close nothing is taken any more', async () => {
    using folder = temporaryFolder()
    const { writer } = await writerAt(folder.path, collector().send)
    await writer.close()
    await writer.close()
    await expect(writer.recordDurably(event('order.act'))).rejects.toMatchObject({
      code: 'AUDIT_UNAVAILABLE',
    })
    writer.record(event('order.call'))
    expect(await writer.flush(10)).toBe(0)
  })
})

describe('kill -9', () => {
  test('loses no event that was recorded durably, and the spool goes on', {
    timeout: 240_000,
  }, async () => {
    using folder = temporaryFolder()
    const durable = new Set<string>()
    for (let round = 0; round < 6; round++) {
      const child = startChild(folder.path, round)
      const before = durable.size
      createInterface({ input: child.stdout }).on('line', (line) => durable.add(line))
      await until(() => durable.size > before + 20 + round * 7, 'the child records', 60_000)
      child.kill('SIGKILL')
      await once(child, 'close')
    }
    const { send, actions } = collector()
    await using at = await writerAt(folder.path, send)
    expect(await at.writer.flush(10_000)).toBe(0)
    const arrived = new Set(actions())
    expect([...durable].filter((action) => !arrived.has(action))).toEqual([])
    expect(actions().length).toBe(arrived.size)
  })
})

function startChild(
  folder: string,
  round: number,
): ChildProcess & { stdout: NodeJS.ReadableStream } {
  const program = join(import.meta.dirname, 'testing/record-forever.ts')
  const child = spawn(
    process.execPath,
    ['--conditions=countersign:source', program, folder, String(round)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  return child as ChildProcess & { stdout: NodeJS.ReadableStream }
}
