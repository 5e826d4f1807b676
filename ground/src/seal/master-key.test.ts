import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { temporaryFolder } from '../testkit/index.ts'
import { open, seal } from './envelope.ts'
import {
  createMasterKey,
  deriveKey,
  newMasterKey,
  parseMasterKey,
  readMasterKey,
} from './master-key.ts'

let folder: ReturnType<typeof temporaryFolder>
let path: string
beforeEach(() => {
  folder = temporaryFolder()
  path = join(folder.path, 'master.key')
})
afterEach(() => folder[Symbol.dispose]())

describe('a master key file', () => {
  it('is made once, for its owner only, and read back', async () => {
    const key = await createMasterKey(path)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(readMasterKey(path).equals(key)).toBe(true)
    await expect(createMasterKey(path)).rejects.toMatchObject({ code: 'KEY_FILE' })
    expect(readMasterKey(path).equals(key)).toBe(true)
    expect(readdirSync(folder.path)).toEqual(['master.key'])
  })

  it.each([0o640, 0o604, 0o620, 0o601, 0o666])('of mode %o is refused', async (mode) => {
    await createMasterKey(path)
    chmodSync(path, mode)
    expect(() => readMasterKey(path)).toThrow(/chmod 600/)
  })

  it.each([
    ['nothing', ''],
    ['31 bytes', Buffer.alloc(31, 'abc').toString('base64url')],
    ['33 bytes', Buffer.alloc(33, 'abc').toString('base64url')],
    ['hex', 'ab'.repeat(32)],
    ['a spelling that is not canonical', `${'A1'.repeat(21)}B`],
    ['two lines', `${'Ab3'.repeat(14)}A\n\n`],
    ['zeros', 'A'.repeat(43)],
    ['far too much', 'A'.repeat(10_000)],
  ])('with %s is refused, and the message does not show it', (_, text) => {
    writeFileSync(path, text, { mode: 0o600 })
    expect(() => readMasterKey(path)).toThrow(expect.objectContaining({ code: 'KEY_FILE' }))
    try {
      readMasterKey(path)
    } catch (error) {
      if (text !== '') expect(inspect(error)).not.toContain(text.trim())
    }
  })

  it('holds the key that it is given, where one is', async () => {
    const key = newMasterKey()
    expect((await createMasterKey(path, key)).equals(key)).toBe(true)
    expect(readMasterKey(path).equals(key)).toBe(true)
    const value = readFileSync(path, 'utf8').trim()
    expect(inspect(parseMasterKey(value), { showHidden: true })).not.toContain(value)
  })
})

describe('a derived key', () => {
  it('is the same for the same purpose, and another for another', async () => {
    const master = await createMasterKey(path)
    const envelope = seal(deriveKey(master, 'payment fields'), 'value', 'place')
    expect(open(deriveKey(master, 'payment fields'), envelope, 'place').toString()).toBe('value')
    for (const other of [deriveKey(master, 'audit'), deriveKey(master, 'payment fields', 2)]) {
      expect(() => open(other, envelope, 'place')).toThrow(
        expect.objectContaining({ code: 'KEY_UNKNOWN' }),
      )
    }
    expect(deriveKey(master, 'payment fields').key.equals(master)).toBe(false)
  })
})
