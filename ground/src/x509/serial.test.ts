import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readDer } from './der.ts'
import { newSerial, readSerial, writeSerial } from './serial.ts'

describe('a serial', () => {
  it('has 32 digits, no zero at its top, and is not drawn twice', () => {
    const serials = new Set(Array.from({ length: 10_000 }, newSerial))
    expect(serials.size).toBe(10_000)
    for (const serial of serials) expect(serial).toMatch(/^[1-9a-f][0-9a-f]{31}$/)
  })

  it('is read back as it was written', () => {
    const digits = fc.stringMatching(/^[1-9a-f][0-9a-f]{0,38}$/)
    fc.assert(fc.property(digits, (serial) => readSerial(readDer(writeSerial(serial))) === serial))
  })

  it.each(['', '0', '01', '-1', 'AB', '0x1', `8${'0'.repeat(39)}`, '1'.repeat(41)])(
    'is never written as %s',
    (serial) => {
      expect(() => writeSerial(serial)).toThrow(TypeError)
    },
  )

  // biome-ignore format: a table
  it.each([
    ['zero',                '020100',                       'zero'],
    ['negative',            '0201ff',                       'negative'],
    ['padded',              '02020001',                     'shortest form'],
    ['empty',               '0200',                         'negative'],
    ['of 21 octets',        `021500${'ff'.repeat(20)}`,     'more than 20 octets'],
    ['no integer',          '040101',                       'not an integer'],
  ])('that is %s is refused', (_, hex, why) => {
    expect(() => readSerial(readDer(Buffer.from(hex, 'hex')))).toThrow(why)
  })
})
