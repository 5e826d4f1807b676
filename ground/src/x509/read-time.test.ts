import { describe, expect, it } from 'vitest'
import { readDer, TAG } from './der.ts'
import { readTime } from './read-time.ts'
import { writeDer, writeGeneralizedTime, writeTime } from './write-der.ts'

const utc = (text: string) => readDer(writeDer(TAG.utcTime, Buffer.from(text)))
const general = (text: string) => readDer(writeDer(TAG.generalizedTime, Buffer.from(text)))

describe('a time of a certificate', () => {
  // biome-ignore format: a table
  it.each([
    [utc('700101000000Z'),           '1970-01-01T00:00:00.000Z'],
    [utc('500101000000Z'),           '1950-01-01T00:00:00.000Z'],
    [utc('491231235959Z'),           '2049-12-31T23:59:59.000Z'],
    [utc('240229120000Z'),           '2024-02-29T12:00:00.000Z'],
    [general('20500101000000Z'),     '2050-01-01T00:00:00.000Z'],
    [general('99991231235959Z'),     '9999-12-31T23:59:59.000Z'],
    [general('20000229000000Z'),     '2000-02-29T00:00:00.000Z'],
  ])('%#: %o is %s', (der, expected) => {
    expect(new Date(readTime(der)).toISOString()).toBe(expected)
  })

  it.each([
    utc('2401010000Z'),
    utc('240101000000'),
    utc('240101000000+0000'),
    utc('241301000000Z'),
    utc('240001000000Z'),
    utc('240100000000Z'),
    utc('240431000000Z'),
    utc('230229000000Z'),
    utc('240101240000Z'),
    utc('240101006000Z'),
    utc('240101000060Z'),
    utc('24010100000aZ'),
    general('21000229000000Z'),
    general('20240101000000.5Z'),
    general('00500101000000Z'),
    readDer(Buffer.from('020101', 'hex')),
    undefined,
  ])('%#: %o is refused', (der) => {
    expect(() => readTime(der)).toThrow(expect.objectContaining({ code: 'MALFORMED' }))
  })

  it('is read back as it was written', () => {
    for (const ms of [
      0,
      Date.UTC(2049, 11, 31, 23, 59, 59),
      Date.UTC(2050, 0),
      Date.UTC(9999, 11, 31),
    ]) {
      expect(readTime(readDer(writeTime(ms)))).toBe(ms)
      expect(readTime(readDer(writeGeneralizedTime(ms)))).toBe(ms)
    }
  })
})
