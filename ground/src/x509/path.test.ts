import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { spiffeId } from '../spiffe/index.ts'
import {
  type Changes,
  ecKeys,
  nameOf,
  rsaKeys,
  validity,
} from '../testkit/hostile/forge.fixture.ts'
import { type Ca, House } from '../testkit/hostile/house.fixture.ts'
import { nameConstraintsExtension } from './name-constraints.ts'
import { OID } from './oids.ts'
import { type ChainOptions, validateChain } from './validate-chain.ts'
import * as write from './write-extensions.ts'

/* What the tables of hostile chains do not show: good chains, roots and uses. */

const ID = spiffeId('test.local', 'service', 'order')
const TD = spiffeId('test.local')
const now = Date.now()
const HOUR = 3_600_000
const house = new House(ID, TD, now)
const leafBelow = (issuer: Ca, changes: Changes = {}) => house.leaf(changes, issuer) + issuer.pem
const check = (
  chain: string,
  root: Ca = house.root,
  options: ChainOptions = { profile: 'svid' },
) => {
  const verdict = validateChain(chain, root.pem, now, options)
  return verdict.ok ? 'good' : verdict.fault
}
const ca = (changes: Changes, keys = ecKeys()) => house.newCa('ca', house.root, changes, keys)
const extended = (...oids: string[]) => ({ extended: write.extendedKeyUsage(...oids) })
const HOST = 'test.local'
const permitted = { constraints: nameConstraintsExtension({ permitted: { uris: [HOST] } }) }

describe('a chain is good', () => {
  // biome-ignore format: a table
  it.each([
    ['below an intermediate',                 leafBelow(house.issuer)],
    ['straight below the root',               house.leaf({}, house.root)],
    ['below a CA of P-384',                   leafBelow(ca({}, ecKeys('secp384r1')))],
    ['below a CA of RSA',                     leafBelow(ca({}, rsaKeys(2048)))],
    ['for a key of P-384',                    house.chain({}, ecKeys('secp384r1')).chain],
    ['for a key of RSA',                      house.chain({}, rsaKeys(2048)).chain],
    ['without extended key usage',            house.chain({ extended: undefined }).chain],
    ['without subject, with critical names',  house.chain({ subject: Buffer.from('3000', 'hex'), names: critical(write.subjectAltName({ uri: ID })) }).chain],
    ['held to its trust domain',              leafBelow(ca(permitted))],
    ['with an extension of someone else',     house.chain({ more: write.writeExtension('2a03', Buffer.from('0500', 'hex')) }).chain],
    ['with issuers for both uses of TLS',     leafBelow(ca(extended(OID.serverAuth, OID.clientAuth)))],
    ['with issuers for any use',              leafBelow(ca(extended(OID.anyExtendedKeyUsage)))],
    ['below a CA without URI',                leafBelow(ca({ names: undefined }))],
  ])('%s', (_, chain) => {
    expect(check(chain)).toBe('good')
  })

  it('below two CAs', () => {
    const upper = ca({ basic: write.basicConstraints({ pathLength: 1 }) })
    const lower = house.newCa('lower', upper)
    expect(check(leafBelow(lower) + upper.pem)).toBe('good')
  })
})

describe('a root', () => {
  // biome-ignore format: a table
  it.each<[string, Changes, string]>([
    ['that is none',                   { basic: write.basicConstraints() },                            'may not sign'],
    ['that may sign no certificates',  { usage: write.keyUsage('crlSign') },                           'may not sign'],
    ['without room for an issuer',     { basic: write.basicConstraints({ pathLength: 0 }) },           'may not have a CA below'],
    ['that has expired',               { validity: validity(now - 2 * HOUR, now - HOUR) },             'has expired'],
    ['of tomorrow',                    { validity: validity(now + HOUR, now + 2 * HOUR) },             'not valid yet'],
    ['of another trust domain',        { names: write.subjectAltName({ uri: 'spiffe://evil.test' }) }, 'crosses trust domains'],
    ['that is held to another one',    { constraints: nameConstraintsExtension({ permitted: { uris: ['evil.test'] } }) }, 'outside of what'],
    ['with a critical unknown',        { more: write.writeExtension('2a03', Buffer.from('0500', 'hex'), true) }, 'critical extension is not known'],
    ['for signing code',               extended('2b06010505070303'),                                   'not for the uses'],
  ])('%s is refused', (_, changes, why) => {
    const root = house.newRoot('root', changes)
    expect(check(leafBelow(house.newCa('ca', root)), root)).toContain(why)
  })

  it('with a weak key is refused', () => {
    const root = house.newRoot('root', {}, rsaKeys(1024))
    expect(check(leafBelow(house.newCa('ca', root)), root)).toContain('a key is weak')
  })

  it('that is bad does not hide a good one of the same name and key', () => {
    const keys = ecKeys()
    const bad = house.newRoot('root', { usage: undefined }, keys)
    const good = house.newRoot('root', {}, keys)
    const chain = leafBelow(house.newCa('ca', good))
    expect(validateChain(chain, bad.pem + good.pem, now)).toMatchObject({ ok: true })
    expect(validateChain(chain, bad.pem, now)).toMatchObject({ ok: false })
  })
})

describe('uses', () => {
  const servers = ca(extended(OID.serverAuth))
  const code = ca(extended('2b06010505070303'))
  const hosts = { names: write.subjectAltName({ dns: 'localhost' }), ...extended(OID.serverAuth) }
  // biome-ignore format: a table
  it.each<[string, string, ChainOptions, string]>([
    ['a server of the public',              house.chain(hosts).chain,                            { profile: 'server' },  'good'],
    ['a workload as a server of the public', leafBelow(house.issuer),                            { profile: 'server' },  'has a URI'],
    ['a server that says no use',           house.chain({ ...hosts, extended: undefined }).chain, { profile: 'server' }, 'not for one'],
    ['a server without names',              house.chain({ ...hosts, names: undefined, subject: nameOf('localhost') }).chain, { profile: 'server' }, 'no names'],
    ['a server as a client',                house.chain(hosts).chain,                            { purpose: 'client' },  'not for this use'],
    ['a server as a server',                house.chain(hosts).chain,                            { purpose: 'server' },  'good'],
    ['a server where nobody asks',          house.chain(hosts).chain,                            {},                     'good'],
    ['below an issuer for servers, as one', house.leaf(hosts, servers) + servers.pem,  { purpose: 'server' },  'good'],
    ['below an issuer for servers, both',   leafBelow(servers),                             {},                     'not for the uses'],
    ['below an issuer for servers, as a client', leafBelow(servers),                        { purpose: 'client' },  'not for the uses'],
    ['below an issuer for code',            house.leaf(hosts, code) + code.pem,        {},                     'not for the uses'],
  ])('%s', (_, chain, options, expected) => {
    expect(check(chain, house.root, options)).toContain(expected)
  })
})

describe('without a profile', () => {
  const explicit = generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' })
  const five = Buffer.from('300787050a00000000', 'hex')
  const agreement = write.writeExtension(OID.keyUsage, Buffer.from('03020308', 'hex'), true)
  const notCa = Buffer.from('3006010100020100', 'hex')
  // biome-ignore format: a table
  it.each<[string, string, string]>([
    ['a URI that is no SPIFFE id',            house.chain({ names: write.subjectAltName({ uri: 'urn:x' }) }).chain,               'not a SPIFFE id'],
    ['an address of five octets',             house.chain({ names: write.writeExtension(OID.subjectAltName, five) }).chain,       'address is malformed'],
    ['the key usage of a CA',                 house.chain({ usage: write.keyUsage('digitalSignature', 'crlSign') }).chain,        'that of a CA'],
    ['a key usage for key agreement',         house.chain({ usage: agreement }).chain,                                            'lacks digitalSignature'],
    ['a path length of what is no CA',        house.chain({ basic: write.writeExtension(OID.basicConstraints, notCa, true) }).chain, 'has a path length'],
    ['a curve that is spelled out',           house.chain({}, explicit).chain,                                                    'curve of a key is not named'],
    ['an issuer without a name',              nameless(),                                                                         'has no name'],
  ])('%s is refused', (_, chain, why) => {
    expect(check(chain, house.root, {})).toContain(why)
  })
  function nameless(): string {
    const subject = Buffer.from('3000', 'hex')
    const issuer = ca({ subject })
    return house.leaf({ issuer: subject }, issuer) + issuer.pem
  }

  it('an issuer of another trust domain is refused, also below a root of none', () => {
    const root = house.newRoot('root', { names: undefined })
    const evil = house.newCa('ca', root, {
      names: write.subjectAltName({ uri: 'spiffe://evil.test' }),
    })
    expect(check(leafBelow(evil), root, {})).toContain('crosses trust domains')
    expect(check(leafBelow(house.newCa('ca', root)), root, {})).toBe('good')
  })
})

/** The same extension, critical. */
function critical(extension: Buffer): Buffer {
  const at = 2 + 2 + (extension[3] ?? 0)
  const inside = Buffer.concat([
    extension.subarray(2, at),
    Buffer.from('0101ff', 'hex'),
    extension.subarray(at),
  ])
  return Buffer.concat([Buffer.from([0x30, inside.length]), inside])
}
