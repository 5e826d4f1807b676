import { appendFileSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '@countersign/ground/testkit'
import { describe, expect, test } from 'vitest'
import { part } from './part.ts'
import { testEvents } from './testing/events.ts'
import { isSound } from './testing/is-sound.ts'
import { openAudit, sealKeyOf } from './testing/open-audit.ts'

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
      expect(await audit.append(testEvents(0, (round + 1) * 120))).toEqual({
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
    expect(await audit.append(testEvents(0, 31))).toEqual({ accepted: 1, known: 30 })
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
      await audit.append(testEvents(0, 20))
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
    await first.append(testEvents(0, 600))
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
      expect(await audit.append(testEvents(0, 600))).toEqual({ accepted: 0, known: 600 })
    }
  })
  test('a log that lost its end is told by the catalogue', async () => {
    using folder = temporaryFolder()
    const first = await openAudit(folder.path)
    await first.append(testEvents(0, 40))
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
  await audit.append(testEvents(0, 20))
  await audit.append(testEvents(20, 30))
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
