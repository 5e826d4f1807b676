import { expect, test } from 'vitest'
import { OID } from './oids.ts'
import { commonNameOf, formatName } from './read-name.ts'
import { writeName } from './sign-certificate.ts'
import { writeDer, writeOid } from './write-der.ts'

const UTF8 = 0x0c
const PRINTABLE = 0x13
const BMP = 0x1e
const attribute = (oid: string, tag: number, value: string | Buffer): Buffer =>
  writeDer(0x30, writeOid(oid), writeDer(tag, Buffer.from(value)))
const name = (...relative: readonly (readonly Buffer[])[]): Buffer =>
  writeDer(0x30, ...relative.map((attributes) => writeDer(0x31, ...attributes)))
const cn = (value: string | Buffer, tag = UTF8): Buffer => attribute(OID.commonName, tag, value)
const org = (value: string): Buffer => attribute(OID.organizationName, UTF8, value)

test('a name as we write it', () => {
  expect(formatName(writeName('root a'))).toBe('CN=root a,O=countersign')
  expect(commonNameOf(writeName('root a'))).toBe('root a')
  expect(commonNameOf(writeName())).toBeUndefined()
})

test.each([
  ['escapes', [cn(' a,b+"c"\\;<d>= ')], 'CN=\\ a\\,b\\+\\"c\\"\\\\\\;\\<d\\>\\=\\ '],
  ['a sharp first', [cn('#a')], 'CN=\\#a'],
  ['two in one', [cn('a'), org('b')], 'CN=a+O=b'],
  [
    'a type without a name',
    [attribute('2a864886f70d010901', PRINTABLE, 'a@b')],
    '1.2.840.113549.1.9.1=#1303614062',
  ],
  ['an encoding that is not read', [cn(Buffer.from([0, 97]), BMP)], 'CN=#1e020061'],
])('RFC 4514: %s', (_, attributes, text) => {
  expect(formatName(name(attributes))).toBe(text)
})

test.each([
  ['a NUL in it', [cn('admin\0.evil')]],
  ['a line break in it', [cn('admin\nO=x')]],
  ['no UTF-8', [cn(Buffer.from([0xff]))]],
  ['nothing', [cn('')]],
  ['another encoding', [cn(Buffer.from([0, 97]), BMP)]],
  ['two of them', [cn('a'), cn('b')]],
])('no common name: %s', (_, attributes) => {
  expect(commonNameOf(name(attributes))).toBeUndefined()
})

test('what is no name is refused', () => {
  for (const bytes of [
    Buffer.alloc(0),
    writeDer(0x30, cn('a')),
    writeDer(0x30, writeDer(0x31, writeDer(0x30))),
  ])
    expect(() => formatName(bytes)).toThrow()
})
