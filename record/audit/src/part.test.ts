import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { openCheckpoint, parseVerifierKey, verifyInclusion } from '@countersign/ground/merkle'
import { temporaryFolder, until } from '@countersign/ground/testkit'
import { describe, expect, test } from 'vitest'
import { readLogFolder } from './log/tile-folder.ts'
import { testEvent } from './testing/events.ts'
import { openAudit, sealKeyOf } from './testing/open-audit.ts'
import { part } from './part.ts'
import { verifyLog } from './verify/verify-log.ts'

const events = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => testEvent(`e${from + i}`))

async function isSound(folder: string, key: string): Promise<number> {
  const { ok, size, faults } = await verifyLog({ read: readLogFolder(folder), key })
  expect(faults).toEqual([])
  return ok ? size : -1
}

describe('append', () => {
  test('takes events once, in order, and answers a repetition like the first time', async () => {
    using folder = temporaryFolder()
    await using audit = await openAudit(folder.path)
    expect(await audit.append(events(0, 10))).toEqual({ accepted: 10, known: 0 })
    expect(await audit.append(events(5, 12))).toEqual({ accepted: 2, known: 5 })
    expect(await audit.append([testEvent('e1'), testEvent('x'), testEvent('x')])).toEqual({
      accepted: 1,
      known: 2,
    })
    const { entries, size } = await audit.query({})
    expect(size).toBe(13)
    expect(entries.map(({ index, event }) => [index, event.action])).toEqual(
      [...events(0, 12), testEvent('x')].map(({ action }, i) => [i, action]),
    )
  })
  test('an event is kept exactly as it was sent', async () => {
    using folder = temporaryFolder()
    await using audit = await openAudit(folder.path)
    const event = testEvent('odd', { userId: 'a\r\n\u0000\u2028 ü 💣', url: { path: '/"\\' } })
    await audit.append([event])
    expect((await audit.query({})).entries[0]?.event).toEqual(event)
  })
  test('a sender speaks for itself only', async () => {
    using folder = temporaryFolder()
    await using audit = await openAudit(folder.path)
    const mixed = [testEvent('a'), testEvent('b', { serviceName: 'payment' })]
    await expect(audit.append(mixed, 'order')).rejects.toMatchObject({ code: 'CALLER_FORBIDDEN' })
    await audit.append([testEvent('c', { serviceName: 'desk' })], 'desk')
    expect((await audit.query({})).entries.map(({ event }) => event.serviceName)).toEqual(['desk'])
  })
  test('an alert of anybody but the log itself is refused as invalid', async () => {
    using folder = temporaryFolder()
    await using audit = await openAudit(folder.path)
    const forged = testEvent('b', {
      event: { kind: 'alert', category: ['intrusion_detection'], type: ['info'] },
      rule: { id: 'identity.failed-logins' },
    })
    await expect(audit.append([testEvent('a'), forged])).rejects.toMatchObject({
      code: 'BODY_INVALID',
      status: 400,
      facts: { errors: [{ field: 'body.events.1.event.kind' }] },
    })
    expect((await audit.query({})).size).toBe(0)
  })
  test('an event that no entry can hold is refused as invalid', async () => {
    using folder = temporaryFolder()
    await using audit = await openAudit(folder.path)
    const roles = Array.from({ length: 32 }, () => 'ü'.repeat(1_024))
    const huge = testEvent('huge', { user: { roles } })
    await expect(audit.append([huge])).rejects.toMatchObject({ code: 'BODY_INVALID', status: 400 })
    expect((await audit.query({})).size).toBe(0)
  })
  test('many at once: each is in the log once, whoever sent it how often', async () => {
    using folder = temporaryFolder()
    const audit = await openAudit(folder.path)
    const { key } = await audit.handlers.key(audit.as('desk'))
    const answers = await Promise.all(
      Array.from({ length: 400 }, (_, i) =>
        audit.append(events((i % 200) * 5, (i % 200) * 5 + 10)),
      ),
    )
    const accepted = answers.reduce((sum, answer) => sum + answer.accepted, 0)
    const known = answers.reduce((sum, answer) => sum + answer.known, 0)
    expect([accepted, known]).toEqual([1_005, 2_995])
    const found = new Set<string>()
    for (let after = 0; after < 1_005; after += 500)
      for (const { event } of (await audit.query({ after, limit: 500 })).entries)
        found.add(event.id)
    expect(found.size).toBe(1_005)
    await audit.close()
    expect(await isSound(folder.path, key)).toBe(1_005)
  })
  test('a disk that refuses a write: the sender is told, and the log goes on without a gap', async () => {
    using folder = temporaryFolder()
    const audit = await openAudit(folder.path)
    const { key } = await audit.handlers.key(audit.as('desk'))
    await audit.append(events(0, 3))
    await until(() => readdirSync(join(folder.path, 'wal')).length === 0, 'integrated')
    rmSync(join(folder.path, 'wal'), { recursive: true })
    writeFileSync(join(folder.path, 'wal'), '')
    await expect(audit.append(events(3, 6))).rejects.toMatchObject({ code: 'AUDIT_UNAVAILABLE' })
    rmSync(join(folder.path, 'wal'))
    mkdirSync(join(folder.path, 'wal'))
    expect(await audit.append(events(0, 6))).toEqual({ accepted: 3, known: 3 })
    await audit.close()
    expect(await isSound(folder.path, key)).toBe(6)
  })
})

describe('restart', () => {
  test('keeps everything: entries, ids, key; and goes on', async () => {
    using folder = temporaryFolder()
    let key = ''
    for (let round = 0; round < 5; round++) {
      const audit = await openAudit(folder.path)
      const { key: now } = await audit.handlers.key(audit.as('desk'))
      expect(key === '' || now === key).toBe(true)
      key = now
      expect((await audit.query({})).size).toBe(round * 120)
      expect(await audit.append(events(0, (round + 1) * 120))).toEqual({
        accepted: 120,
        known: round * 120,
      })
      await audit.close()
      expect(await isSound(folder.path, key)).toBe((round + 1) * 120)
    }
  })
  test('a torn tail of the write-ahead file is passed over', async () => {
    using folder = temporaryFolder()
    const { key } = await crash(folder.path, (wal) => appendFileSync(wal, 'CSW1 and half a record'))
    await using audit = await openAudit(folder.path)
    expect((await audit.query({})).size).toBe(30)
    expect(await audit.append(events(0, 31))).toEqual({ accepted: 1, known: 30 })
    await audit.close()
    expect(await isSound(folder.path, key)).toBe(31)
  })
  test('damage to what was acknowledged is told, not passed over', async () => {
    using folder = temporaryFolder()
    await crash(folder.path, (wal) => {
      const bytes = readFileSync(wal)
      bytes[40] = (bytes[40] ?? 0) ^ 1
      writeFileSync(wal, bytes)
    })
    await expect(openAudit(folder.path)).rejects.toMatchObject({ code: 'LOG_DAMAGED' })
  })
  test.each(['checkpoint', 'tile/0/000.p/20', 'tile/entries/000.p/20'])(
    'does not sign on top of a damaged %s',
    async (path) => {
      using folder = temporaryFolder()
      const audit = await openAudit(folder.path)
      await audit.append(events(0, 20))
      await audit.close()
      const bytes = readFileSync(join(folder.path, path))
      bytes[30] = (bytes[30] ?? 0) ^ 4
      writeFileSync(join(folder.path, path), bytes)
      await expect(openAudit(folder.path)).rejects.toMatchObject({ code: 'LOG_DAMAGED' })
    },
  )
  test('the catalogue is made anew where it is missing, broken or behind', async () => {
    using folder = temporaryFolder()
    const first = await openAudit(folder.path)
    await first.append(events(0, 600))
    await first.close()
    const path = join(folder.path, 'catalogue.sqlite')
    for (const spoil of [
      () => rmSync(path),
      () =>
        writeFileSync(path, 'this is no database, only some text that is long enough'.repeat(99)),
      () => writeFileSync(path, readFileSync(path).subarray(0, 8_192)),
    ]) {
      spoil()
      await using audit = await openAudit(folder.path)
      expect((await audit.query({ requestId: 'request-e599' })).entries[0]?.index).toBe(599)
      expect(await audit.append(events(0, 600))).toEqual({ accepted: 0, known: 600 })
    }
  })
  test('a log that lost its end is told by the catalogue', async () => {
    using folder = temporaryFolder()
    const first = await openAudit(folder.path)
    await first.append(events(0, 40))
    await first.close()
    for (const path of ['tile', 'checkpoint', 'wal'])
      rmSync(join(folder.path, path), { recursive: true })
    await using audit = await openAudit(folder.path)
    const { entries } = await audit.query({ kind: 'alert' })
    expect(entries.map(({ event }) => event.action)).toEqual(['audit.shortened'])
    expect(entries[0]?.event.countersign?.details).toEqual({ lost: 40 })
  })
  test('a second process cannot open the log', { timeout: 20_000 }, async () => {
    using folder = temporaryFolder()
    await using audit = await openAudit(folder.path)
    await expect(openAudit(folder.path)).rejects.toMatchObject({ code: 'LOG_LOCKED' })
    expect((await audit.query({})).size).toBe(0)
  })
  test('the key is sealed, and needed', async () => {
    using folder = temporaryFolder()
    const audit = await openAudit(folder.path)
    await audit.close()
    const path = join(folder.path, 'log-key')
    expect(readFileSync(path, 'utf8')).toMatch(/^cs1\./)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    await expect(openAudit(folder.path, sealKeyOf(8))).rejects.toMatchObject({
      code: 'KEY_UNKNOWN',
    })
    rmSync(path)
    await expect(openAudit(folder.path)).rejects.toMatchObject({ code: 'KEY_MISSING' })
  })
  test('settings that are missing are told', async () => {
    await expect(async () => part.create({} as never, {})).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    })
  })
})

/** Leaves a folder as a crash would: 30 entries acknowledged in two commits, none in tiles; `spoil` gets the file. */
async function crash(folder: string, spoil: (wal: string) => void): Promise<{ key: string }> {
  const audit = await openAudit(folder)
  const { key } = await audit.handlers.key(audit.as('desk'))
  await audit.append(events(0, 20))
  await audit.append(events(20, 30))
  const [name = ''] = readdirSync(join(folder, 'wal'))
  const bytes = readFileSync(join(folder, 'wal', name))
  await audit.close()
  for (const path of ['tile', 'checkpoint', 'catalogue.sqlite'])
    rmSync(join(folder, path), { recursive: true })
  rmSync(join(folder, 'log-key'))
  const fresh = await openAudit(folder)
  const { key: second } = await fresh.handlers.key(fresh.as('desk'))
  await fresh.close()
  writeFileSync(join(folder, 'wal', name), bytes)
  spoil(join(folder, 'wal', name))
  expect(key).not.toBe(second)
  return { key: second }
}

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
    const began = Date.now()
    const waiting = audit.query({ action: 'order.wanted', waitMs: 10_000 })
    const inVain = audit.query({ action: 'order.never', waitMs: 400 })
    for (const name of ['x', 'y', 'wanted', 'z']) {
      await new Promise((resolve) => setTimeout(resolve, 30))
      await audit.append([testEvent(name)])
    }
    expect((await waiting).entries.map(({ index }) => index)).toEqual([2])
    expect(Date.now() - began).toBeLessThan(10_000)
    expect(await inVain).toEqual({ entries: [], size: 4 })
  })
  test('what lies in tiles on disk, in the partial bundle and in memory is all found', async () => {
    using folder = temporaryFolder()
    const audit = await openAudit(folder.path)
    await audit.append(events(0, 600))
    await audit.close()
    await using again = await openAudit(folder.path)
    await again.append(events(600, 610))
    const { entries } = await again.query({ limit: 1_000 })
    expect(entries.map(({ event }) => event.action)).toEqual(
      events(0, 610).map(({ action }) => action),
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
    await audit.append(events(0, 300))
    const { key } = await handlers.key(as('desk'))
    const verifier = parseVerifierKey(key)
    if (verifier === undefined) throw new Error('no key')
    const signed = async () => {
      const { body } = await handlers.checkpoint(as('desk'))
      return openCheckpoint(String(body), 'test.local/audit', [verifier])
    }
    await until(async () => (await signed())?.size === 300, 'a checkpoint within a second', 1_000)
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
      for (let i = 0; i < 4_000 && writing; i += 10) await audit.append(events(i, i + 10))
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
    await audit.append(events(0, 3))
    const text = await audit.metrics.text()
    expect(text).toMatch(/^countersign_audit_entries_total 3$/m)
    expect(text).toMatch(/^countersign_audit_append_seconds_count 1$/m)
    expect(text).toMatch(/^countersign_audit_log_size 3$/m)
  })
})
