import type { JsonWebKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { TAG } from '../../x509/der.ts'
import { OID } from '../../x509/oids.ts'
import { nameConstraintsExtension } from '../../x509/name-constraints.ts'
import { NULL, writeDer, writeInteger, writeOid } from '../../x509/write-der.ts'
import * as write from '../../x509/write-extensions.ts'
import {
  type Changes,
  ecKeys,
  type Keys,
  keysOf,
  nameOf,
  NOTHING,
  rsaKeys,
  validity,
} from './forge.fixture.ts'
import type { House } from './house.fixture.ts'

const HOUR = 3_600_000
const uris = (...names: string[]): Changes => ({
  names: write.subjectAltName(...names.map((uri) => ({ uri }))),
})
const serial = (hex: string): Changes => ({
  serial: writeDer(TAG.integer, Buffer.from(hex, 'hex')),
})
const extended = (...oids: string[]): Changes => ({ extended: write.extendedKeyUsage(...oids) })
const more = (oid: string, critical: boolean): Changes => ({
  more: write.writeExtension(oid, NULL, critical),
})
const algorithm = (oid: string, ...rest: Buffer[]): Buffer =>
  writeDer(TAG.sequence, writeOid(oid), ...rest)
const ECDSA_SHA1 = algorithm('2a8648ce3d0401')
const ECDSA_SHA512 = algorithm('2a8648ce3d040304')
const lenient = (value: Buffer): Buffer => write.writeExtension(OID.keyUsage, value)

/** Leaves that an honest intermediate would have signed by mistake, with what is wrong with them. */
export function hostileLeaves(house: House): [name: string, changes: Changes, why: string][] {
  const { id, now } = house
  const [, , domain = ''] = id.split('/')
  const path = id.slice(`spiffe://${domain}`.length)
  // biome-ignore format: a table
  return [
    // When
    ['an expired leaf',                        { validity: validity(now - 2 * HOUR, now - HOUR) },         'has expired'],
    ['a leaf of tomorrow',                     { validity: validity(now + HOUR, now + 2 * HOUR) },         'not valid yet'],
    ['a leaf that ends before it starts',      { validity: validity(now + HOUR, now - HOUR) },             'not valid yet'],
    // Whose name
    ['no names, but a common name',            { names: undefined, subject: nameOf(id) },                  'no URI'],
    ['a host name only',                       { names: write.subjectAltName({ dns: 'localhost' }) },      'no URI'],
    ['a host name that shows a URI',           { names: write.subjectAltName({ dns: `x, URI:${id}` }) },   'no URI'],
    ['two URIs',                               uris(id, `spiffe://${domain}/platform/desk`),               'more than one URI'],
    ['the same URI twice',                     uris(id, id),                                               'more than one URI'],
    ['a URI of another scheme',                uris(`https://${domain}${path}`),                           'not a SPIFFE id'],
    ['an upper-case trust domain',             uris(`spiffe://${domain.toUpperCase()}${path}`),            'not a SPIFFE id'],
    ['a trailing slash',                       uris(`${id}/`),                                             'not a SPIFFE id'],
    ['an empty segment',                       uris(`spiffe://${domain}/${path}`),                         'not a SPIFFE id'],
    ['a dotted segment',                       uris(`spiffe://${domain}/x/..${path}`),                     'not a SPIFFE id'],
    ['a slash in percent',                     uris(id.replace(/\/([^/]*)$/, '%2f$1')),                    'not a SPIFFE id'],
    ['a query',                                uris(`${id}?a=b`),                                          'not a SPIFFE id'],
    ['a port',                                 uris(`spiffe://${domain}:443${path}`),                      'not a SPIFFE id'],
    ['a wildcard',                             uris(`spiffe://${domain}/*`),                               'not a SPIFFE id'],
    ['a comma and another name',               uris(`${id}, URI:${id}`),                                   'not a SPIFFE id'],
    ['the trust domain itself',                uris(`spiffe://${domain}`),                                 'has no path'],
    ['another trust domain',                   uris(`spiffe://evil.test${path}`),                          'crosses trust domains'],
    ['a host name with a NUL',                 { names: rawNames(id, 'local\0host') },                     'host name is malformed'],
    ['an empty list of names',                 { names: write.writeExtension(OID.subjectAltName, writeDer(TAG.sequence)) }, 'cannot be read'],
    ['no subject, and names that are not critical', { subject: writeDer(TAG.sequence) },                   'neither a subject'],
    // What for
    ['a leaf that is a CA',                    { basic: write.basicConstraints({ pathLength: 0 }) },       'is a CA'],
    ['a path length without being a CA',       { basic: write.writeExtension(OID.basicConstraints, writeDer(TAG.sequence, writeInteger(Buffer.from([0]))), true) }, 'cannot be read'],
    ['a leaf that may sign certificates',      { usage: write.keyUsage('digitalSignature', 'keyCertSign') }, 'that of a CA'],
    ['a leaf that may sign lists',             { usage: write.keyUsage('digitalSignature', 'crlSign') },   'that of a CA'],
    ['a leaf with name constraints',           { constraints: nameConstraintsExtension({ permitted: { uris: [domain] } }) }, 'has name constraints'],
    ['no key usage',                           { usage: undefined },                                       'no keyUsage'],
    ['a key usage that is not critical',       { usage: lenient(Buffer.from('03020780', 'hex')) },         'not critical'],
    ['a key usage for key agreement',          { usage: write.writeExtension(OID.keyUsage, Buffer.from('03020308', 'hex'), true) }, 'lacks digitalSignature'],
    ['for servers only',                       extended(OID.serverAuth),                                   'lacks serverAuth or clientAuth'],
    ['for clients only',                       extended(OID.clientAuth),                                   'lacks serverAuth or clientAuth'],
    ['for anything',                           extended(OID.anyExtendedKeyUsage),                          'lacks serverAuth or clientAuth'],
    ['for signing code',                       extended('2b06010505070303'),                               'lacks serverAuth or clientAuth'],
    ['for nothing',                            { extended: write.writeExtension(OID.extKeyUsage, writeDer(TAG.sequence)) }, 'cannot be read'],
    // Its form
    ['version 1',                              { version: NOTHING, ...WITHOUT_EXTENSIONS },                'not of version 3'],
    ['version 2',                              { version: writeDer(0xa0, writeInteger(Buffer.from([1]))), ...WITHOUT_EXTENSIONS }, 'not of version 3'],
    ['version 4',                              { version: writeDer(0xa0, writeInteger(Buffer.from([3]))) }, 'not of version 3'],
    ['the serial zero',                        serial('00'),                                               'serial is zero'],
    ['a negative serial',                      serial('80'),                                               'serial is negative'],
    ['a serial of 21 octets',                  serial(`01${'00'.repeat(20)}`),                             'more than 20 octets'],
    ['a padded serial',                        serial('0001'),                                             'shortest form'],
    ['an issuer unique id',                    { afterKey: writeDer(0x81, Buffer.from([0, 1])) },          'beside its extensions'],
    ['a critical extension nobody knows',      more('2a03', true),                                         'critical extension is not known'],
    ['an extension twice',                     { more: write.subjectAltName({ uri: id }) },                'twice'],
    ['a critical key id',                      { subjectKey: write.writeExtension(OID.subjectKeyIdentifier, writeDer(TAG.octetString, Buffer.alloc(20)), true) }, 'critical that never is'],
    ['a time of UTCTime without seconds',      { validity: writeDer(TAG.sequence, writeDer(TAG.utcTime, Buffer.from('2601010000Z')), writeDer(TAG.utcTime, Buffer.from('3601010000Z'))) }, 'time is malformed'],
    ['explicit parameters of ECDSA',           { inner: algorithm(OID.ecdsaWithSha256, NULL), outer: algorithm(OID.ecdsaWithSha256, NULL) }, 'not believed'],
    // Who signed it
    ['another issuer’s key id',                { authorityKey: write.authorityKeyIdentifier('00'.repeat(20)) }, 'names another issuer'],
    ['no key id of the issuer',                { authorityKey: undefined },                                'names another issuer'],
    ['another issuer’s name',                  { issuer: nameOf('somebody') },                             'names another issuer'],
    ['the issuer’s name in other letters',     { issuer: nameOf('INTERMEDIATE') },                         'names another issuer'],
    ['the issuer’s name as another text',      { issuer: nameOf('intermediate', 0x13) },                   'names another issuer'],
    ['a bent signature',                       { bend: (signature) => flipLast(signature) },               'signature is wrong'],
    ['an empty signature',                     { bend: () => NOTHING },                                    'signature is wrong'],
    ['two signature algorithms',               { inner: ECDSA_SHA512 },                                    'algorithms differ'],
    ['a signature with SHA-1',                 { inner: ECDSA_SHA1, outer: ECDSA_SHA1, hash: 'sha1' },     'not believed'],
    ['a signature with another hash than said', { hash: 'sha384' },                                        'signature is wrong'],
  ]
}

const WITHOUT_EXTENSIONS: Changes = {
  ...{ basic: undefined, usage: undefined, extended: undefined, names: undefined },
  ...{ subjectKey: undefined, authorityKey: undefined },
}

function rawNames(uri: string, dns: string): Buffer {
  const names = [writeDer(0x86, Buffer.from(uri)), writeDer(0x82, Buffer.from(dns, 'latin1'))]
  return write.writeExtension(OID.subjectAltName, writeDer(TAG.sequence, ...names))
}

function flipLast(signature: Buffer): Buffer {
  const bent = Buffer.from(signature)
  const last = bent.length - 1
  bent[last] = (bent[last] ?? 0) ^ 1
  return bent
}

const weak: Record<'roca' | 'close', JsonWebKey> = JSON.parse(
  readFileSync(new URL('./testdata/weak-keys.json', import.meta.url), 'utf8'),
)

/** Keys that no certificate should be for. */
export function weakKeys(): [name: string, keys: Keys, why: string][] {
  // biome-ignore format: a table
  return [
    ['RSA of 1024 bits',                  rsaKeys(1024),         '1024 bits'],
    ['RSA with the exponent 3',           rsaKeys(2048, 3),      'weak exponent'],
    ['RSA of a chip with ROCA',           keysOf(weak.roca),     'ROCA'],
    ['RSA with factors that are close',   keysOf(weak.close),    'too close'],
    ['P-521',                             ecKeys('secp521r1'),   'curve'],
    ['P-224',                             ecKeys('secp224r1'),   'curve'],
    ['secp256k1',                         ecKeys('secp256k1'),   'curve'],
  ]
}
