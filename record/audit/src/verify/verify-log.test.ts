import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { encodeEntry, hashLeaf, parseBundle, TILE_WIDTH } from '@countersign/ground/merkle'
import { temporaryFolder } from '@countersign/ground/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readLogFolder } from '../log/tile-folder.ts'
import { testEvent } from '../testing/events.ts'
import { openAudit } from '../testing/open-audit.ts'
import { type Fault, type LogVerdict, verifyLog } from './verify-log.ts'

const SIZE = 700
const folder = temporaryFolder()
let key = ''
let earlier = ''
let files: { path: string; bytes: Buffer }[] = []

const verify = (since?: string): Promise<LogVerdict> =>
  verifyLog({ read: readLogFolder(folder.path), key, since })
const fileAt = (path: string): Buffer => {
  const found = files.find((file) => file.path === path)
  if (found === undefined) throw new Error(`no file ${path}`)
  return found.bytes
}
/** Runs `act` on a damaged copy of a file, and puts the file back. */
async function damaged(
  path: string,
  bytes: Buffer | undefined,
  since?: string,
): Promise<LogVerdict> {
  const at = join(folder.path, path)
  if (bytes === undefined) rmSync(at)
  else writeFileSync(at, bytes)
  try {
    return await verify(since)
  } finally {
    writeFileSync(at, fileAt(path))
  }
}
function flip(bytes: Buffer, bit: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  return copy
}
/** Which entry of a bundle a byte belongs to, its length included. */
function entryAt(bundle: Buffer, byte: number): number {
  let at = 0
  const { entries } = parseBundle(bundle)
  return entries.findIndex((entry) => {
    at += 2 + entry.length
    return byte < at
  })
}
function logFiles(): { path: string; bytes: Buffer }[] {
  const all = readdirSync(folder.path, { recursive: true, encoding: 'utf8' })
  return all
    .filter((path) => path === 'checkpoint' || path.startsWith('tile'))
    .filter((path) => statSync(join(folder.path, path)).isFile())
    .map((path) => ({ path: relative('', path), bytes: readFileSync(join(folder.path, path)) }))
}

beforeAll(async () => {
  const audit = await openAudit(folder.path)
  key = (await audit.handlers.key(audit.as('desk'))).key
  for (let i = 0; i < SIZE; i += 50) {
    await audit.append(Array.from({ length: 50 }, (_, j) => testEvent(`e${i + j}`)))
    if (i === 300) {
      await audit.close()
      earlier = readFileSync(join(folder.path, 'checkpoint'), 'utf8')
      break
    }
  }
  await using again = await openAudit(folder.path)
  for (let i = 350; i < SIZE; i += 50)
    await again.append(Array.from({ length: 50 }, (_, j) => testEvent(`e${i + j}`)))
})
beforeAll(() => {
  files = logFiles()
})
afterAll(() => folder[Symbol.dispose]())

describe('a sound log', () => {
  test('verifies from its public key alone', async () => {
    expect(await verify()).toMatchObject({
      ok: true,
      size: SIZE,
      origin: 'test.local/audit',
      faults: [],
    })
    expect(files.map(({ path }) => path).sort()).toEqual([
      'checkpoint',
      'tile/0/000',
      'tile/0/001',
      'tile/0/002.p/188',
      'tile/1/000.p/2',
      'tile/entries/000',
      'tile/entries/001',
      'tile/entries/002.p/188',
    ])
  })
  test('goes on from an earlier checkpoint', async () => {
    expect((await verify(earlier)).ok).toBe(true)
  })
  test('does not verify with another key; what is no key is refused', async () => {
    const other = 'test.local/audit+7b4ee1e6+AVv1vDVQmLK5vHiVYN5WtvhJw8m4LSp8vTB9xHYj0zDz'
    await expect(verifyLog({ read: readLogFolder(folder.path), key: other })).rejects.toThrow(
      TypeError,
    )
    using elsewhere = temporaryFolder()
    await using audit = await openAudit(elsewhere.path)
    const { key: stranger } = await audit.handlers.key(audit.as('desk'))
    const verdict = await verifyLog({ read: readLogFolder(folder.path), key: stranger })
    expect(verdict.faults).toEqual([
      { kind: 'checkpoint', what: 'the checkpoint is not signed by this key' },
    ])
  })
})

describe('one bit', () => {
  test('flipped 1000 times, anywhere: each is found, and its place named', {
    timeout: 120_000,
  }, async () => {
    const kinds = { checkpoint: 0, entry: 0, tile: 0 }
    for (let i = 0; i < 1_000; i++) {
      // Entries are most of the bytes, and the checkpoint is a few: they get a share of the flips that does not hang on chance.
      const pool = files.filter(({ path }) => {
        if (i % 40 === 0) return path === 'checkpoint'
        return i % 4 !== 0 || !path.includes('entries')
      })
      let bit = Math.floor(
        Math.random() * pool.reduce((sum, { bytes }) => sum + bytes.length * 8, 0),
      )
      const file = pool.find(({ bytes }) => {
        if (bit < bytes.length * 8) return true
        bit -= bytes.length * 8
        return false
      })
      if (file === undefined) throw new Error('no file has this bit')
      const verdict = await damaged(file.path, flip(file.bytes, bit))
      const [fault] = verdict.faults
      expect(verdict.faults, `${file.path} bit ${bit}`).toHaveLength(1)
      expect(placeOf(fault), `${file.path} bit ${bit}`).toBe(placeOfBit(file, bit))
      kinds[fault?.kind ?? 'entry']++
    }
    expect(Math.min(kinds.checkpoint, kinds.entry, kinds.tile)).toBeGreaterThan(0)
    expect((await verify()).ok).toBe(true)
  })
  test('of each length before an entry is found, and only that entry named', async () => {
    const bundle = fileAt('tile/entries/002.p/188')
    for (const bit of [0, 3, 7, 8, 9, 12, 15]) {
      const { faults } = await damaged('tile/entries/002.p/188', flip(bundle, bit))
      expect(faults.map(placeOf)).toEqual(['entry 512'])
    }
  })
})

function placeOf(fault: Fault | undefined): string {
  if (fault?.kind === 'entry') return `entry ${fault.index}`
  return fault?.kind === 'tile' ? fault.path : 'checkpoint'
}
function placeOfBit({ path, bytes }: { path: string; bytes: Buffer }, bit: number): string {
  const [, index] = /^tile\/entries\/([0-9]{3})/.exec(path) ?? []
  if (index === undefined) return path
  return `entry ${Number(index) * TILE_WIDTH + entryAt(bytes, bit >> 3)}`
}

describe('a log that somebody changed', () => {
  const bundle = 'tile/entries/001'
  const entries = (): Buffer[] => parseBundle(fileAt(bundle)).entries
  const join = (all: Buffer[]): Buffer => Buffer.concat(all.map(encodeEntry))
  const first = ({ faults }: LogVerdict): string => placeOf(faults[0])

  test('an entry was taken out', async () => {
    expect(first(await damaged(bundle, join(entries().toSpliced(20, 1))))).toBe('entry 276')
  })
  test('an entry was put in', async () => {
    const [entry = Buffer.alloc(0)] = entries()
    expect(first(await damaged(bundle, join(entries().toSpliced(20, 0, entry))))).toBe('entry 276')
  })
  test('two entries changed places', async () => {
    const [a = Buffer.alloc(0), b = Buffer.alloc(0)] = entries().slice(20)
    const { faults } = await damaged(bundle, join(entries().toSpliced(20, 2, b, a)))
    expect(faults.map(placeOf)).toEqual(['entry 276', 'entry 277'])
  })
  test('entries were added at the end', async () => {
    const [entry = Buffer.alloc(0)] = entries()
    expect(first(await damaged(bundle, join([...entries(), entry])))).toBe('entry 511')
  })
  test('a bundle was cut, emptied, or is gone', async () => {
    expect(first(await damaged(bundle, join(entries().slice(0, 100))))).toBe('entry 356')
    expect(first(await damaged(bundle, Buffer.alloc(0)))).toBe('entry 256')
    expect(first(await damaged(bundle, undefined))).toBe('entry 256')
  })
  test('a tile or the checkpoint is gone', async () => {
    expect(first(await damaged('tile/0/001', undefined))).toBe('tile/0/001')
    expect(first(await damaged('tile/1/000.p/2', undefined))).toBe('tile/1/000.p/2')
    expect(first(await damaged('checkpoint', undefined))).toBe('checkpoint')
  })
  test('an entry and its hash were replaced together', async () => {
    const changed = entries().toSpliced(20, 1, Buffer.from('{}'))
    const tile = Buffer.from(fileAt('tile/0/001'))
    tile.set(hashLeaf(Buffer.from('{}')), 20 * 32)
    writeFileSync(`${folder.path}/tile/0/001`, tile)
    try {
      const { faults } = await damaged(bundle, join(changed))
      expect(faults.map(placeOf)).toEqual(['entry 256', 'tile/0/001'])
    } finally {
      writeFileSync(`${folder.path}/tile/0/001`, fileAt('tile/0/001'))
    }
  })
  test('a damaged file is not taken for another log, whatever was seen before', async () => {
    const now = fileAt('checkpoint').toString()
    // 350 lies in a full bundle, 700 in the partial one at the end.
    for (const since of [earlier, now])
      for (const path of ['tile/0/001', bundle, 'tile/0/002.p/188', 'tile/entries/002.p/188']) {
        const { faults } = await damaged(path, flip(fileAt(path), 2_001), since)
        expect(faults.map(({ kind }) => kind)).toEqual([
          path.includes('entries') ? 'entry' : 'tile',
        ])
      }
  })
  test('the log was set back to an earlier state: an even earlier look does not tell, a later one does', async () => {
    const now = fileAt('checkpoint').toString()
    const { faults } = await damagedSince(earlier, now)
    expect(faults).toEqual([
      { kind: 'checkpoint', what: 'the log has become shorter: 700 entries before, 350 now' },
    ])
  })
})

async function damagedSince(checkpoint: string, since: string): Promise<LogVerdict> {
  writeFileSync(join(folder.path, 'checkpoint'), checkpoint)
  try {
    expect((await verify()).ok).toBe(true)
    return await verify(since)
  } finally {
    writeFileSync(join(folder.path, 'checkpoint'), fileAt('checkpoint'))
  }
}
