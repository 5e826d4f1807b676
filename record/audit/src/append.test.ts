import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder, until } from '@countersign/ground/testkit'
import { describe, expect, test } from 'vitest'
import { testEvent, testEvents } from './testing/events.ts'
import { isSound } from './testing/is-sound.ts'
import { openAudit } from './testing/open-audit.ts'

describe('append', () => {
  test('takes events once, in order, and answers a repetition like the first time', async () => {
    using folder = temporaryFolder()
    await using audit = await openAudit(folder.path)
    expect(await audit.append(testEvents(0, 10))).toEqual({ accepted: 10, known: 0 })
    expect(await audit.append(testEvents(5, 12))).toEqual({ accepted: 2, known: 5 })
    expect(await audit.append([testEvent('e1'), testEvent('x'), testEvent('x')])).toEqual({
      accepted: 1,
      known: 2,
    })
    const { entries, size } = await audit.query({})
    expect(size).toBe(13)
    expect(entries.map(({ index, event }) => [index, event.action])).toEqual(
      [...testEvents(0, 12), testEvent('x')].map(({ action }, i) => [i, action]),
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
        audit.append(testEvents((i % 200) * 5, (i % 200) * 5 + 10)),
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
    await audit.append(testEvents(0, 3))
    await until(() => readdirSync(join(folder.path, 'wal')).length === 0, 'integrated')
    rmSync(join(folder.path, 'wal'), { recursive: true })
    writeFileSync(join(folder.path, 'wal'), '')
    await expect(audit.append(testEvents(3, 6))).rejects.toMatchObject({
      code: 'AUDIT_UNAVAILABLE',
    })
    rmSync(join(folder.path, 'wal'))
    mkdirSync(join(folder.path, 'wal'))
    expect(await audit.append(testEvents(0, 6))).toEqual({ accepted: 3, known: 3 })
    await audit.close()
    expect(await isSound(folder.path, key)).toBe(6)
  })
})
