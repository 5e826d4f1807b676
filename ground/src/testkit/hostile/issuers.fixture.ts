import { TAG } from '../../x509/der.ts'
import { nameConstraintsExtension, type WantedConstraints } from '../../x509/name-constraints.ts'
import { OID } from '../../x509/oids.ts'
import { writeDer, writeOid } from '../../x509/write-der.ts'
import * as write from '../../x509/write-extensions.ts'
import { type Changes, nameOf, pemOf, rsaKeys, signerOf, validity } from './forge.fixture.ts'
import type { House, Shown } from './house.fixture.ts'

const HOUR = 3_600_000
const constrained = (wanted: WantedConstraints): Changes => ({
  constraints: nameConstraintsExtension(wanted),
})
/** Permits a subtree of this one form only. */
const form = (tag: number, base: Buffer, critical = true): Changes => {
  const subtree = writeDer(TAG.sequence, writeDer(tag, base))
  const value = writeDer(TAG.sequence, writeDer(0xa0, subtree))
  return { constraints: write.writeExtension(OID.nameConstraints, value, critical) }
}
const lenient = (extension: Buffer): Buffer => {
  // Without the BOOLEAN that makes it critical.
  const at = extension.indexOf(Buffer.from('0101ff', 'hex'))
  const rest = Buffer.concat([extension.subarray(2, at), extension.subarray(at + 3)])
  return writeDer(TAG.sequence, rest)
}

/** Intermediates that the root would have signed by mistake, each above an honest leaf. */
export function hostileIssuers(house: House): [name: string, changes: Changes, why: string][] {
  const { now, domain } = house
  const host = domain.slice('spiffe://'.length)
  const usage = write.keyUsage('digitalSignature', 'keyCertSign', 'crlSign')
  // biome-ignore format: a table
  return [
    ['an issuer that is no CA',                   { basic: write.basicConstraints() },                             'may not sign'],
    ['an issuer without basic constraints',       { basic: undefined },                                            'may not sign'],
    ['basic constraints that are not critical',   { basic: lenient(write.basicConstraints({ pathLength: 0 })) },   'basic constraints of an issuer'],
    ['an issuer without key usage',               { usage: undefined },                                            'may not sign'],
    ['an issuer that may sign no certificates',   { usage: write.keyUsage('digitalSignature', 'crlSign') },        'may not sign'],
    ['a key usage of an issuer, not critical',    { usage: lenient(usage) },                                       'key usage of an issuer'],
    ['an issuer that has expired',                { validity: validity(now - 2 * HOUR, now - HOUR) },              'has expired'],
    ['an issuer of tomorrow',                     { validity: validity(now + HOUR, now + 2 * HOUR) },              'not valid yet'],
    ['an issuer without key id',                  { subjectKey: undefined },                                       'id of its key'],
    ['an issuer for signing code',                { extended: write.extendedKeyUsage('2b06010505070303') },        'not for the uses'],
    ['an issuer with a critical extension nobody knows', { more: write.writeExtension('2a03', writeDer(TAG.sequence), true) }, 'critical extension is not known'],
    ['an issuer of another trust domain',         { names: write.subjectAltName({ uri: 'spiffe://evil.test' }) },  'crosses trust domains'],
    ['an issuer with the id of a workload',       { names: write.subjectAltName({ uri: house.id }) },              'has a path'],
    ['an issuer with two URIs',                   { names: write.subjectAltName({ uri: domain }, { uri: domain }) }, 'more than one URI'],
    ['an issuer held to another trust domain',    constrained({ permitted: { uris: ['evil.test'] } }),             'outside of what'],
    ['an issuer held to hosts below the trust domain', constrained({ permitted: { uris: [`.${host}`] } }),         'outside of what'],
    ['an issuer that may not sign for the trust domain', constrained({ excluded: { uris: [host] } }),              'may not sign for'],
    ['constraints of a form nobody knows (mail)', form(0x81, Buffer.from(host)),                                   'form that is not known'],
    ['constraints of directory names',            form(0xa4, nameOf('order')),                                     'form that is not known'],
    ['constraints that are not critical',         form(0x86, Buffer.from(host), false),                            'name constraints are not critical'],
    ['constraints of nothing',                    { constraints: write.writeExtension(OID.nameConstraints, writeDer(TAG.sequence), true) }, 'cannot be read'],
    ['a root that did not sign it',               { bend: (signature) => signature.subarray(0, signature.length - 1) }, 'signature is wrong'],
    ['an issuer that is signed with SHA-1',       { ...SHA1, hash: 'sha1' },                                       'not believed'],
  ]
}

const ECDSA_SHA1 = writeDer(TAG.sequence, writeOid('2a8648ce3d0401'))
const SHA1 = { inner: ECDSA_SHA1, outer: ECDSA_SHA1 }

/** Chains whose shape is wrong, whatever is in them. */
export function hostileShapes(house: House): [name: string, shown: Shown, why: string][] {
  const { root, issuer, keys } = house
  const key = pemOf(keys)
  const free = write.basicConstraints({ pathLength: 9 })
  const upper = house.newCa('upper', root, { basic: free })
  const lower = house.newCa('lower', issuer)
  const posing = { ...signerOf('order', keys), pem: house.leaf() }
  const deep = [house.newCa('a', root, { basic: free })]
  for (const name of ['b', 'c', 'd'])
    deep.unshift(house.newCa(name, deep[0] ?? root, { basic: free }))
  const [nearest = root, ...above] = deep
  const twin = house.newRoot('root')
  const twinBelow = house.newCa('intermediate', twin)
  const self = signerOf('order', keys)
  const weak = house.newCa('weak', root, {}, rsaKeys(1024))
  const hosts = { permitted: { dns: ['inside.test'], ips: ['10.0.0.0/8'] } }
  const narrow = house.newCa('narrow', root, constrained(hosts))
  const named = (name: { dns: string } | { ip: string }): Shown => {
    const names = write.subjectAltName({ uri: house.id }, name)
    return { chain: house.leaf({ names }, narrow) + narrow.pem, key }
  }
  const barred = house.newCa('barred', root, constrained({ excluded: { dns: ['secret.test'] } }))
  const wildcard = write.subjectAltName({ uri: house.id }, { dns: '*.test.secret.test' })
  // biome-ignore format: a table
  return [
    ['a leaf alone',                        { chain: house.leaf(), key },                                    'no '],
    ['a leaf that signed itself',           { chain: house.leaf({}, self), key },                            'no '],
    ['a root of the same name',             { chain: house.leaf({}, twinBelow) + twinBelow.pem, key },       'no '],
    ['a leaf that signs',                   { chain: house.leaf({}, posing, issuer.keys) + posing.pem + issuer.pem, key: pemOf(issuer.keys) }, 'may not sign'],
    ['a CA too many below one',             house.below(lower, issuer),                                      'may not have a CA below'],
    ['a CA below one with more room than its own', house.below(house.newCa('x', issuer, { basic: free }), issuer), 'may not have a CA below'],
    ['a CA too many below the root',        house.below(house.newCa('z', house.newCa('y', upper, { basic: free }), { basic: free }), house.newCa('y', upper, { basic: free }), upper), 'may not'],
    ['more CAs than anyone needs',          house.below(nearest, ...above),                                  'too long'],
    ['an issuer with a weak key',           house.below(weak),                                               'a key is weak'],
    ['a leaf with the key of its issuer',   { chain: house.leaf({}, issuer, issuer.keys) + issuer.pem, key: pemOf(issuer.keys) }, 'key is there twice'],
    ['a host name outside of the constraints', named({ dns: 'outside.test' }),                               'outside of what'],
    ['a host name that only ends like one inside', named({ dns: 'notinside.test' }),                         'outside of what'],
    ['an address outside of the constraints', named({ ip: '11.0.0.1' }),                                     'outside of what'],
    ['an address of another kind',          named({ ip: '::1' }),                                            'outside of what'],
    ['a wildcard below what is excluded',   { chain: house.leaf({ names: wildcard }, barred) + barred.pem, key }, 'may not sign for'],
  ]
}
