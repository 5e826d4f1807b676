import { describe, expect, it } from 'vitest'
import { checkNames } from './check-names.ts'
import { childAt, readChildren, readDer, TAG } from './der.ts'
import {
  nameConstraintsExtension,
  readNameConstraints,
  type WantedConstraints,
} from './name-constraints.ts'
import { writeDer } from './write-der.ts'

interface Named {
  readonly uris?: string[]
  readonly dnsNames?: string[]
  readonly ips?: string[]
}
const uri = (host: string): Named => ({ uris: [`spiffe://${host}/a`] })
const dns = (...dnsNames: string[]): Named => ({ dnsNames })
const ip = (...ips: string[]): Named => ({ ips })
const permit = (permitted: WantedConstraints['permitted']): WantedConstraints => ({
  permitted: permitted ?? {},
})
const exclude = (excluded: WantedConstraints['excluded']): WantedConstraints => ({
  excluded: excluded ?? {},
})
const V4 = { ips: ['10.0.0.0/8'] }
const V6 = { ips: ['fd00::/9'] }

// biome-ignore format: a table
const cases: [Named, WantedConstraints, boolean][] = [
  // A form that is not constrained is free.
  [{},                                 permit({ uris: ['a.test'], dns: ['b.test'], ...V4 }), true],
  [dns('any.test'),                    permit({ uris: ['a.test'] }),            true],
  [uri('any.test'),                    permit({ dns: ['a.test'] }),             true],
  [ip('7f000001'),                     permit({ dns: ['a.test'] }),             true],
  // URIs: a host is itself only, with a dot at its start only what is below it.
  [uri('a.test'),                      permit({ uris: ['a.test'] }),            true],
  [uri('a.test'),                      permit({ uris: ['b.test', 'a.test'] }),  true],
  [uri('x.a.test'),                    permit({ uris: ['a.test'] }),            false],
  [uri('a.test.evil'),                 permit({ uris: ['a.test'] }),            false],
  [uri('x.a.test'),                    permit({ uris: ['.a.test'] }),           true],
  [uri('a.test'),                      permit({ uris: ['.a.test'] }),           false],
  [uri('xa.test'),                     permit({ uris: ['.a.test'] }),           false],
  [{ uris: ['https://a.test/a'] },     permit({ uris: ['a.test'] }),            false],
  [{ uris: ['urn:a.test'] },           permit({ uris: ['a.test'] }),            false],
  [uri('a.test'),                      exclude({ uris: ['a.test'] }),           false],
  [uri('b.test'),                      exclude({ uris: ['a.test'] }),           true],
  [{ uris: ['urn:x'] },                exclude({ uris: ['a.test'] }),           false],
  [uri('a.test'),                      { ...permit({ uris: ['a.test'] }), ...exclude({ uris: ['a.test'] }) }, false],
  // Host names: itself and all below, in any case of letters.
  [dns('a.test'),                      permit({ dns: ['a.test'] }),             true],
  [dns('x.a.test'),                    permit({ dns: ['a.test'] }),             true],
  [dns('X.A.Test'),                    permit({ dns: ['a.test'] }),             true],
  [dns('xa.test'),                     permit({ dns: ['a.test'] }),             false],
  [dns('test'),                        permit({ dns: ['a.test'] }),             false],
  [dns('a.test', 'b.test'),            permit({ dns: ['a.test'] }),             false],
  [dns('a.test'),                      permit({ dns: ['.a.test'] }),            false],
  [dns('x.a.test'),                    permit({ dns: ['.a.test'] }),            true],
  [dns('*.a.test'),                    permit({ dns: ['a.test'] }),             true],
  [dns('*.test'),                      permit({ dns: ['a.test'] }),             false],
  [dns('a.test'),                      exclude({ dns: ['a.test'] }),            false],
  [dns('x.a.test'),                    exclude({ dns: ['a.test'] }),            false],
  [dns('xa.test'),                     exclude({ dns: ['a.test'] }),            true],
  [dns('a.test'),                      exclude({ dns: ['.a.test'] }),           false],
  [dns('*.test'),                      exclude({ dns: ['a.test'] }),            false],
  [dns('*.a.test'),                    exclude({ dns: ['a.test'] }),            false],
  [dns('*.b.test'),                    exclude({ dns: ['a.test'] }),            true],
  // Addresses, each kind by itself.
  [ip('0a010203'),                     permit(V4),                              true],
  [ip('0b010203'),                     permit(V4),                              false],
  [ip('fd00'.padEnd(32, '0')),         permit(V6),                              true],
  [ip('fd80'.padEnd(32, '0')),         permit(V6),                              false],
  [ip('fd00'.padEnd(32, '0')),         permit(V4),                              false],
  [ip('0a010203'),                     permit({ ips: ['0.0.0.0/0'] }),          true],
  [ip('0a010203'),                     permit({ ips: ['10.1.2.3/32'] }),        true],
  [ip('0a010204'),                     permit({ ips: ['10.1.2.3/32'] }),        false],
  [ip('0a010203'),                     exclude(V4),                             false],
  [ip('0b010203'),                     exclude(V4),                             true],
]

/** As they are read from a certificate. */
function read(wanted: WantedConstraints) {
  const parts = readChildren(readDer(nameConstraintsExtension(wanted), TAG.sequence))
  return readNameConstraints(childAt(parts, 2, TAG.octetString).value)
}

describe('name constraints', () => {
  it.each(cases)('%j with %j: %s', (names, wanted, expected) => {
    const all = { uris: [], dnsNames: [], ips: [], ...names }
    expect(checkNames(all, read(wanted)) === undefined).toBe(expected)
  })

  it.each([
    {},
    permit({}),
    permit({ dns: ['a b'] }),
    permit({ uris: ['a..b'] }),
    permit({ uris: [''] }),
    permit({ ips: ['10.0.0.0'] }),
    permit({ ips: ['10.0.0.0/33'] }),
    permit({ ips: ['localhost/8'] }),
  ])('%j are never written', (wanted) => {
    expect(() => nameConstraintsExtension(wanted)).toThrow(TypeError)
  })

  const subtree = (tag: number, hex: string, ...more: Buffer[]) =>
    writeDer(TAG.sequence, writeDer(tag, Buffer.from(hex, 'hex')), ...more)
  const NC = (...parts: Buffer[]) => writeDer(TAG.sequence, ...parts)

  // biome-ignore format: a table
  it.each([
    ['nothing',                     NC()],
    ['an empty list',               NC(writeDer(0xa0))],
    ['the same list twice',         NC(writeDer(0xa0, subtree(0x82, '61')), writeDer(0xa0, subtree(0x82, '61')))],
    ['the lists in another order',  NC(writeDer(0xa1, subtree(0x82, '61')), writeDer(0xa0, subtree(0x82, '61')))],
    ['a minimum',                   NC(writeDer(0xa0, subtree(0x82, '61', writeDer(0x80, Buffer.from([1])))))],
    ['half an address',             NC(writeDer(0xa0, subtree(0x87, '0a000000')))],
    ['a mask with a gap',           NC(writeDer(0xa0, subtree(0x87, '0a000000ff00ff00')))],
  ])('of %s are refused', (_, value) => {
    expect(() => readNameConstraints(value)).toThrow(expect.objectContaining({ code: 'MALFORMED' }))
  })

  it('of another form are refused for everyone', () => {
    const constraints = readNameConstraints(NC(writeDer(0xa1, subtree(0x81, '61'))))
    expect(checkNames({ uris: [], dnsNames: [], ips: [] }, constraints)).toContain('not known')
  })
})
