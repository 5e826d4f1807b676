import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { newKdf, sealStream } from '@countersign/ground/seal'
import { createLog } from '@countersign/ground/telemetry'
import { temporaryFolder } from '@countersign/ground/testkit'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type BackupEntry, backupKeys, headerLine } from './format.ts'
import { readBackup } from './read-backup.ts'
import { restoreState } from './restore-state.ts'

const passphrase = 'correct horse battery staple'
const log = createLog({ service: 'desk', node: 'desk', level: 'silent' })
let folder: ReturnType<typeof temporaryFolder>
const at = (...path: string[]) => join(folder.path, ...path)
beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(() => folder[Symbol.dispose]())

const restore = () => restoreState({ root: at('restored'), file: at('backup'), passphrase, log })
/** Nothing but the file itself. */
const requireNothingLeft = () => expect(readdirSync(folder.path)).toEqual(['backup'])

const STATE: BackupEntry = {
  type: 'state',
  stateVersion: 1,
  platform: process.platform,
  arch: process.arch,
  postgres: null,
}
const file = (path: string, size = 0): unknown => ({ type: 'file', path, mode: 0o600, size })
const dir = (path: string): unknown => ({ type: 'folder', path, mode: 0o700 })
const end = (files: number, bytes = 0): unknown => ({ type: 'end', files, bytes })

/** A backup as somebody with the passphrase could make it. */
async function forge(entries: readonly unknown[], behind = ''): Promise<void> {
  const parts = entries.map((entry) => {
    const json = Buffer.from(JSON.stringify(entry))
    const length = Buffer.alloc(4)
    length.writeUInt32BE(json.length)
    return Buffer.concat([length, json])
  })
  // The least that is taken: there are many of these.
  const kdf = { ...newKdf(), memoryKib: 19_456, passes: 1 }
  const keys = backupKeys(passphrase, kdf)
  const line = headerLine({
    format: 'countersign-backup',
    version: 1,
    createdAt: new Date().toISOString(),
    kdf,
    check: keys.check,
  })
  async function* source() {
    yield gzipSync(Buffer.concat([...parts, Buffer.from(behind)]))
  }
  const sealed: Buffer[] = [Buffer.from(line)]
  for await (const chunk of sealStream(keys.bind(line), source())) sealed.push(chunk)
  writeFileSync(at('backup'), Buffer.concat(sealed))
}

describe('a backup that somebody forged', () => {
  test.each([
    ['a way out', [STATE, file('../escaped'), end(1)]],
    ['a way out further down', [STATE, dir('pki'), file('pki/../../escaped'), end(1)]],
    ['an absolute path', [STATE, file('/tmp/escaped'), end(1)]],
    ['a dot', [STATE, file('./escaped'), end(1)]],
    ['an empty segment', [STATE, file('a//b'), end(1)]],
    ['no path', [STATE, file(''), end(1)]],
    ['a NUL', [STATE, file('a\0b'), end(1)]],
    ['a backslash', [STATE, file('..\\escaped'), end(1)]],
    ['a very long path', [STATE, file('a'.repeat(1_025)), end(1)]],
    ['a setuid mode', [STATE, { type: 'file', path: 'a', mode: 0o4755, size: 0 }, end(1)]],
    ['a link', [STATE, { type: 'link', path: 'a', target: '/etc/passwd' }, end(0)]],
    ['no state', [dir('pki'), end(0)]],
    ['two states', [STATE, STATE, end(0)]],
    ['no end', [STATE, dir('pki')]],
    ['an end that does not fit', [STATE, dir('pki'), end(1)]],
    ['bytes that are missing', [STATE, file('a', 10), end(1, 10)]],
    ['an unknown word', [STATE, { type: 'device', path: 'a' }, end(0)]],
    ['nothing', []],
  ])('with %s is refused', async (_, entries) => {
    await forge(entries)
    await expect(restore()).rejects.toMatchObject({ code: 'FAILED' })
    requireNothingLeft()
    expect(existsSync(at('escaped'))).toBe(false)
  })

  test.each([
    ['one path twice', [STATE, file('a'), file('a'), end(2)]],
    ['a file where a folder is', [STATE, dir('a'), file('a'), end(1)]],
    ['a file in a folder that is not there', [STATE, file('a/b'), end(1)]],
    ['a newer layout', [{ ...STATE, stateVersion: 99 }, end(0)]],
    ['another kind of machine', [{ ...STATE, arch: 'vax', postgres: 18 }, end(0)]],
    ['another PostgreSQL', [{ ...STATE, postgres: 9 }, end(0)]],
  ])('with %s does not fit, and is refused', async (_, entries) => {
    await forge(entries)
    await expect(restore()).rejects.toMatchObject({ code: 'ENVIRONMENT' })
    requireNothingLeft()
  })

  test('with something behind its end is refused', async () => {
    await forge([STATE, end(0)], 'more')
    await expect(restore()).rejects.toMatchObject({ code: 'FAILED' })
  })

  test('is read without being put anywhere by a check', async () => {
    await forge([STATE, file('a'), end(1)])
    expect(await readBackup({ file: at('backup'), passphrase }, async () => {})).toMatchObject({
      files: 1,
    })
    requireNothingLeft()
  })
})
