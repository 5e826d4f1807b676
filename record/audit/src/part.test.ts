import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openCheckpoint, parseVerifierKey, verifyInclusion } from '@countersign/ground/merkle'
import { temporaryFolder, until } from '@countersign/ground/testkit'
import { describe, expect, test } from 'vitest'
import { testEvent, testEvents } from './testing/events.ts'
import { isSound } from './testing/is-sound.ts'
import { openAudit } from './testing/open-audit.ts'

describe('query', () => {
  test('finds by request, person, service, action, status, kind and time, alone and together', async () => {
    using folder = temporaryFolder()
    await using audit = await openAudit(folder.path)
    await audit.append([
      testEvent('a'),
      testEvent('b', { userId: 'u-2', status: 'refused' }),
      testEvent('c', { userId: null, user: { name: 'ann' }, timestamp: '2026-01-02T04:00:00Z' }),
    ])
    await audit.append([testEvent('d', { serviceName: 'payment' })], 'payment')
    const found = async (query: Parameters<typeof audit.query>[0]) =>
      (await audit.query(query)).entries.map(({ event }) => event.action.slice(-1)).join('')
    expect(await found({})).toBe('abcd')
    expect(await found({ requestId: 'request-b' })).toBe('b')
    expect(await found({ userId: 'u-1' })).toBe('ad')
    expect(await found({ userId: 'ann' })).toBe('c')
    expect(await found({ service: 'payment' })).toBe('d')
    expect(await found({ action: 'order.c' })).toBe('c')
    expect(await found({ status: 'refused' })).toBe('b')
    expect(await found({ kind: 'event' })).toBe('abcd')
    expect(await found({ kind: 'alert' })).toBe('')
    expect(await found({ from: '2026-01-02T03:30:00Z' })).toBe('c')
    expect(await found({ until: '2026-01-02T03:30:00+00:00' })).toBe('abd')
    expect(await found({ userId: 'u-1', service: 'order' })).toBe('a')
    expect(await found({ after: 2 })).toBe('cd')
    expect(await found({ limit: 2 })).toBe('ab')
    expect(await found({ limit: 2, newestFirst: true })).toBe('dc')
    expect(await found({ requestId: "' OR 1=1 --" })).toBe('')
  })
  test('waits for an entry, and answers as soon as there is one, or empty in the end', async () => {
    using folder = temporaryFolder()
    await using audit = await openAudit(folder.path)
    // The longest wait there is, longer than a test may take: whoever hears at its end only has failed.
    const waitMs = 30_000
    const waiting = audit.query({ action: 'order.wanted', waitMs })
    let isOver = false
    const later = audit.query({ action: 'order.later', waitMs }).finally(() => {
      isOver = true
    })
    for (const name of ['x', 'y', 'wanted', 'z']) await audit.append([testEvent(name)])
    expect((await waiting).entries.map(({ index }) => index)).toEqual([2])
    expect(await audit.query({ action: 'order.never', waitMs: 100 })).toEqual({
      entries: [],
      size: 4,
    })
    expect(isOver).toBe(false)
    await audit.append([testEvent('later')])
    expect((await later).entries.map(({ index }) => index)).toEqual([4])
  })
  test('what lies in tiles on disk, in the partial bundle and in memory is all found', async () => {
    using folder = temporaryFolder()
    const audit = await openAudit(folder.path)
    await audit.append(testEvents(0, 600))
    await audit.close()
    await using again = await openAudit(folder.path)
    await again.append(testEvents(600, 610))
    const { entries } = await again.query({ limit: 1_000 })
    expect(entries.map(({ event }) => event.action)).toEqual(
      testEvents(0, 610).map(({ action }) => action),
    )
  })
})

describe('detection', () => {
  test('alerts stand in the log right behind what caused them, with a figure', async () => {
    using folder = temporaryFolder()
    const audit = await openAudit(folder.path)
    const { key } = await audit.handlers.key(audit.as('desk'))
    const logins = Array.from({ length: 12 }, (_, i) =>
      testEvent(`login${i}`, {
        serviceName: 'identity',
        action: 'login.failure',
        userId: null,
        status: 'refused',
        event: { kind: 'event', category: ['authentication'], type: ['denied'] },
        user: { name: 'ann' },
      }),
    )
    expect(await audit.append(logins, 'identity')).toEqual({ accepted: 12, known: 0 })
    const { entries, size } = await audit.query({ kind: 'alert' })
    expect(size).toBe(13)
    expect(entries[0]?.event).toMatchObject({
      serviceName: 'audit',
      service: { node: { name: 'audit-1' } },
      rule: { id: 'identity.failed-logins' },
      user: { name: 'ann' },
    })
    expect(await audit.metrics.text()).toContain(
      'countersign_detection_alerts_total{rule="identity.failed-logins"} 1',
    )
    await audit.close()
    expect(await isSound(folder.path, key)).toBe(13)
  })
  test('what was learned is kept over a restart', async () => {
    using folder = temporaryFolder()
    const first = await openAudit(folder.path)
    await first.append([
      testEvent('a', { client: { workload: 'spiffe://test.local/service/user' } }),
    ])
    await first.close()
    const saved = JSON.parse(readFileSync(join(folder.path, 'detection.json'), 'utf8'))
    expect(saved['mesh.new-edge'].edges).toEqual(['user -> order.a'])
    const learningUntil = Date.now() - 1
    const over = { 'mesh.new-edge': { ...saved['mesh.new-edge'], learningUntil } }
    writeFileSync(join(folder.path, 'detection.json'), JSON.stringify(over))
    await using audit = await openAudit(folder.path)
    await audit.append([
      testEvent('b', { client: { workload: 'spiffe://test.local/service/user' } }),
    ])
    const { entries } = await audit.query({ kind: 'alert' })
    expect(entries.map(({ event }) => event.event.reason)).toEqual([
      'a call on an edge never seen before: user -> order.b',
    ])
  })
})

describe('the log as others see it', () => {
  test('checkpoint, tiles, key and proofs', async () => {
    using folder = temporaryFolder()
    await using audit = await openAudit(folder.path)
    const { handlers, as } = audit
    await audit.append(testEvents(0, 300))
    const { key } = await handlers.key(as('desk'))
    const verifier = parseVerifierKey(key)
    if (verifier === undefined) throw new Error('no key')
    const signed = async () => {
      const { body } = await handlers.checkpoint(as('desk'))
      return openCheckpoint(String(body), 'test.local/audit', [verifier])
    }
    await until(async () => (await signed())?.size === 300, 'a checkpoint of all')
    const tile = async (path: string) =>
      Promise.resolve(handlers.tile(as('desk', path))).then(
        ({ body }) => body?.length,
        (error) => error.status,
      )
    expect(await tile('/tile/0/000')).toBe(8_192)
    expect(await tile('/tile/0/001.p/44')).toBe(44 * 32)
    expect(await tile('/tile/0/001.p/7')).toBe(7 * 32)
    expect(await tile('/tile/1/000.p/1')).toBe(32)
    for (const path of [
      '/tile/0/001',
      '/tile/0/001.p/45',
      '/tile/2/000.p/1',
      '/tile/entries/001.p/45',
      '/tile/0/../../log-key',
      '/tile/../log-key',
      '/tile/entries/%2e%2e/log-key',
    ])
      expect(await tile(path), path).toBe(404)
    const checkpoint = await signed()
    for (const index of [0, 255, 256, 299]) {
      const proof = await handlers.proof({ params: { index: String(index) }, ...as('desk') })
      const claim = {
        index,
        size: checkpoint?.size ?? 0,
        root: checkpoint?.root ?? Buffer.alloc(0),
        leafHash: Buffer.from(proof.leafHash, 'base64'),
        proof: proof.proof.map((hash) => Buffer.from(hash, 'base64')),
      }
      expect(verifyInclusion(claim)).toBe(true)
      expect(JSON.parse(Buffer.from(proof.entry, 'base64').toString())).toEqual(
        testEvent(`e${index}`),
      )
    }
    for (const index of ['300', '-1', 'x', '1.5'])
      await expect(
        Promise.resolve(handlers.proof({ params: { index }, ...as('desk') })),
      ).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })
  test('can be verified while it grows', async () => {
    using folder = temporaryFolder()
    await using audit = await openAudit(folder.path)
    const { key } = await audit.handlers.key(audit.as('desk'))
    let writing = true
    const writer = (async () => {
      for (let i = 0; i < 4_000 && writing; i += 10) await audit.append(testEvents(i, i + 10))
    })()
    for (let i = 0; i < 12; i++) {
      expect(await isSound(folder.path, key)).toBeGreaterThanOrEqual(0)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    writing = false
    await writer
  })
  test('figures are there', async () => {
    using folder = temporaryFolder()
    await using audit = await openAudit(folder.path)
    await audit.append(testEvents(0, 3))
    const text = await audit.metrics.text()
    expect(text).toMatch(/^countersign_audit_entries_total 3$/m)
    expect(text).toMatch(/^countersign_audit_append_seconds_count 1$/m)
    expect(text).toMatch(/^countersign_audit_log_size 3$/m)
  })
})
