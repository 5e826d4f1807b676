import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeRecords, encodeRecord } from './wal-record.ts'

const texts = fc.array(fc.string(), { minLength: 1, maxLength: 5 })
const record = (first: number, ...entries: string[]) =>
  encodeRecord({ first, entries: entries.map((entry) => Buffer.from(entry)) })

describe('write-ahead records', () => {
  test('come back in order', () => {
    fc.assert(
      fc.property(fc.array(texts, { maxLength: 6 }), (groups) => {
        const file = Buffer.concat(groups.map((group, i) => record(i * 10, ...group)))
        const { records, brokenAt, damaged } = decodeRecords(file)
        expect({ brokenAt, damaged }).toEqual({ brokenAt: undefined, damaged: false })
        expect(records.map(({ first, entries }) => [first, entries.map(String)])).toEqual(
          groups.map((group, i) => [i * 10, group]),
        )
      }),
    )
  })
  test('a file that breaks off anywhere gives the whole records before, and is not damage', () => {
    const [one, two] = [record(0, 'a', 'b'), record(2, 'c')]
    for (let length = one.length; length < one.length + two.length; length++) {
      const { records, damaged } = decodeRecords(Buffer.concat([one, two]).subarray(0, length))
      expect(records).toHaveLength(1)
      expect(damaged).toBe(false)
    }
  })
  test('any changed bit before the last record is damage; in the last it ends the file', () => {
    const [one, two] = [record(7, 'some text', 'more'), record(9, 'the last')]
    for (let bit = 0; bit < one.length * 8; bit++) {
      const file = Buffer.concat([one, two])
      file[bit >> 3] = (file[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(decodeRecords(file), `bit ${bit}`).toMatchObject({ records: [], damaged: true })
    }
    for (let bit = 0; bit < two.length * 8; bit++) {
      const file = Buffer.concat([one, two])
      const at = one.length + (bit >> 3)
      file[at] = (file[at] ?? 0) ^ (1 << (bit & 7))
      const { records, damaged, brokenAt } = decodeRecords(file)
      expect([records.length, damaged, brokenAt], `bit ${bit}`).toEqual([1, false, one.length])
    }
  })
  test('no bytes make it throw', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        (bytes) => void decodeRecords(Buffer.from(bytes)),
      ),
    )
  })
})
