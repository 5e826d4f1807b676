import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  ENTRY_BYTES_MAX,
  encodeEntry,
  parseBundle,
  parseTile,
  parseTilePath,
  tilePath,
  tilesOf,
} from './tile.ts'

describe('tlog-tiles: paths', () => {
  test.each([
    [{ level: 0, index: 1_234_067, width: 256 }, 'tile/0/x001/x234/067'],
    [{ level: 0, index: 0, width: 256 }, 'tile/0/000'],
    [{ level: 'entries', index: 999, width: 12 }, 'tile/entries/999.p/12'],
    [{ level: 1, index: 1000, width: 255 }, 'tile/1/x001/000.p/255'],
  ] as const)('%j is %s', (name, path) => {
    expect(tilePath(name)).toBe(path)
    expect(parseTilePath(path)).toEqual(name)
  })
  test.each([
    'tile/00/000',
    'tile/64/000',
    'tile/-1/000',
    'tile/0/0',
    'tile/0/x000/001',
    'tile/0/001/002',
    'tile/0/000.p/0',
    'tile/0/000.p/256',
    'tile/0/000.p/01',
    'tile/0/000.p/999',
    'tile/0/../000',
    'tile/entries/000.p/',
    'tile/0/x999/x999/x999/x999/x999/999',
    '/tile/0/000',
    'tile/0/000\n',
    '',
  ])('%j is none', (path) => {
    expect(parseTilePath(path)).toBeUndefined()
  })
  test('any text is parsed to a name that is written the same way, or not at all', () => {
    const pieces = fc.constantFrom('tile/', '0', 'x', '/', '001', '.p/', '25', 'entries', '6')
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
        const path = parts.join('')
        const name = parseTilePath(path)
        if (name !== undefined) expect(tilePath(name)).toBe(path)
      }),
      { numRuns: 2_000 },
    )
  })
  test('the example of the specification: what a tree of 70,000 consists of', () => {
    const all = [...tilesOf(70_000)]
    const level = (wanted: number | 'entries') => all.filter((tile) => tile.level === wanted)
    const widths = (wanted: number | 'entries') => [
      level(wanted).length,
      level(wanted).at(-1)?.width,
    ]
    expect([widths('entries'), widths(0), widths(1), widths(2), level(3).length]).toEqual([
      [274, 112],
      [274, 112],
      [2, 17],
      [1, 1],
      0,
    ])
    expect([...tilesOf(256)].map(tilePath)).toEqual([
      'tile/entries/000',
      'tile/0/000',
      'tile/1/000.p/1',
    ])
    expect([...tilesOf(0)]).toEqual([])
  })
})

describe('tlog-tiles: contents', () => {
  test('entries come back from a bundle', () => {
    const entries = fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 20 })
    fc.assert(
      fc.property(entries, (texts) => {
        const bundle = parseBundle(Buffer.concat(texts.map(encodeEntry)))
        expect(bundle.rest).toBe(0)
        expect(bundle.entries.map((entry) => [...entry])).toEqual(texts.map((text) => [...text]))
      }),
    )
  })
  test('a bundle that breaks off gives its whole entries and the rest', () => {
    const bytes = Buffer.concat([encodeEntry(Buffer.from('one')), encodeEntry(Buffer.from('two'))])
    const { entries, rest } = parseBundle(bytes.subarray(0, -1))
    expect(entries.map(String)).toEqual(['one'])
    expect(rest).toBe(4)
  })
  test('an entry can have 65,535 bytes and no more', () => {
    expect(encodeEntry(Buffer.alloc(ENTRY_BYTES_MAX))).toHaveLength(ENTRY_BYTES_MAX + 2)
    expect(() => encodeEntry(Buffer.alloc(ENTRY_BYTES_MAX + 1))).toThrow(RangeError)
  })
  test('a tile of the wrong length is none', () => {
    expect(parseTile(Buffer.alloc(64), 2)).toHaveLength(2)
    expect(parseTile(Buffer.alloc(63), 2)).toBeUndefined()
    expect(parseTile(Buffer.alloc(96), 2)).toBeUndefined()
  })
})
