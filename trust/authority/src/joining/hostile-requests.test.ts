import {
  checkPrimeSync,
  createHash,
  createPublicKey,
  ECDH,
  generateKeyPairSync,
  generatePrimeSync,
  type KeyObject,
} from 'node:crypto'
import { request } from 'node:https'
import { workloadId } from '@countersign/contract'
import { temporaryFolder } from '@countersign/ground/testkit'
import { Refusal } from '@countersign/layers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Host, startHost } from '../testing/authority-host.ts'
import { ecSpki, type HostileCsr, hostileCsr, namedCurve, rsaSpki } from '../testing/hostile-csr.ts'
import { grant } from '../testing/mesh.ts'
import { createPki, type Pki, TRUST_DOMAIN } from '../testing/test-pki.ts'

/* Bad requests D03 and D04 at the doors: each refused with a problem document, an audit event, and no signature. */

const ORDER = workloadId(TRUST_DOMAIN, 'order')
const uris = [ORDER]
let temporary: ReturnType<typeof temporaryFolder>
let pki: Pki
let host: Host
beforeAll(async () => {
  temporary = temporaryFolder()
  pki = await createPki(temporary.path)
  host = await startHost({ pki, instance: 'authority-1' })
})
afterAll(async () => {
  await host.close()
  temporary[Symbol.dispose]()
})

interface Reply {
  readonly status: number
  readonly type: string | undefined
  readonly body: { code?: string; errors?: { field: string; message: string }[] }
}
function join(token: string, csr: string): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const outgoing = request({
      ...{ ...host.door, method: 'POST', path: '/v1/join', agent: false, ca: pki.root },
      headers: { 'content-type': 'application/json' },
      checkServerIdentity: () => undefined,
    })
    outgoing.once('error', reject).once('response', async (response) => {
      const body = JSON.parse((await response.toArray()).join(''))
      const type = response.headers['content-type']
      resolve({ status: response.statusCode ?? 0, type, body })
    })
    outgoing.end(JSON.stringify({ token, csr }))
  })
}
const ec = (namedCurve: string): KeyObject => generateKeyPairSync('ec', { namedCurve }).privateKey
const rsa = (modulusLength: number, publicExponent = 65_537): KeyObject =>
  generateKeyPairSync('rsa', { modulusLength, publicExponent }).privateKey
const issuedCount = () => host.authority.issued.list({ state: 'any', limit: 10_000 }).length

const flip = (at: number) => (csr: Buffer) => {
  const spoilt = Buffer.from(csr)
  spoilt[spoilt.length - at] = (spoilt[spoilt.length - at] ?? 0) ^ 1
  return spoilt
}
// biome-ignore format: a table
const wrongRequests: [string, () => HostileCsr | string, string][] = [
  ['of another service',              () => ({ uris: [workloadId(TRUST_DOMAIN, 'payment')] }),     'expected name'],
  ['of the platform',                 () => ({ uris: [workloadId(TRUST_DOMAIN, 'authority')] }),   'expected name'],
  ['of another trust domain',         () => ({ uris: ['spiffe://evil.local/service/order'] }),     'expected name'],
  ['of the trust domain in capitals', () => ({ uris: ['spiffe://TEST.LOCAL/service/order'] }),     'expected name'],
  ['with a slash more',               () => ({ uris: [`${ORDER}/`] }),                             'expected name'],
  ['with dots in its path',           () => ({ uris: ['spiffe://test.local/service/x/../order'] }), 'expected name'],
  ['with an encoded slash',           () => ({ uris: ['spiffe://test.local/service%2forder'] }),   'expected name'],
  ['with a query',                    () => ({ uris: [`${ORDER}?a=b`] }),                          'expected name'],
  ['with a NUL in its name',          () => ({ uris: [`${ORDER}\0`] }),                            'expected name'],
  ['of a longer name',                () => ({ uris: [`${ORDER}s`] }),                             'expected name'],
  ['of two services',                 () => ({ uris: [ORDER, workloadId(TRUST_DOMAIN, 'payment')] }), 'expected name'],
  ['of one service twice',            () => ({ uris: [ORDER, ORDER] }),                            'expected name'],
  ['of nobody',                       () => ({}),                                                  'expected name'],
  ['with a host name more',           () => ({ uris, dns: ['localhost'] }),                        'further names'],
  ['with a name that looks like one', () => ({ uris, dns: [`a, URI:${ORDER}`] }),                  'further names'],
  ['with an address more',            () => ({ uris, ips: ['7f000001'] }),                         'further names'],
  ['with a mail address more',        () => ({ uris, emails: ['a@b.example'] }),                   'further names'],
  ['with a common name',              () => ({ uris, commonName: 'order' }),                       'a subject'],
  ['with a common name only',         () => ({ commonName: ORDER }),                               'expected name'],
  ['with CA:TRUE',                    () => ({ uris, ca: true }),                                  'be a CA'],
  ['with keyCertSign',                () => ({ uris, keyCertSign: true }),                         'usages of a CA'],
  ['for code signing',                () => ({ uris, usages: ['2b06010505070303'] }),              'other usages'],
  ['for any usage',                   () => ({ uris, usages: ['551d2500'] }),                      'other usages'],
  ['with name constraints',           () => ({ uris, extensions: ['551d1e'] }),                    'name constraints'],
  ['with an extension of its own',    () => ({ uris, extensions: ['2a0304'] }),                    'other extensions'],
  ['with names in two extensions',    () => ({ uris, twice: true }),                               'there twice'],
  ['with a challenge password',       () => ({ uris, attributes: ['2a864886f70d010907'] }),        'other attributes'],
  ['signed with SHA-1',               () => ({ uris, hash: 'sha1' }),                              'not believed'],
  ['signed with MD5',                 () => ({ uris, hash: 'md5', key: rsa(2_048) }),              'not P-256'],
  ['signed by another key',           () => ({ uris, signedBy: ec('prime256v1') }),                'its own key'],
  ['with a spoilt signature',         () => ({ uris, spoil: flip(1) }),                            'its own key'],
  ['with octets after it',            () => ({ uris, spoil: (csr) => Buffer.concat([csr, Buffer.from([0])]) }), 'bytes follow'],
  ['cut off',                         () => ({ uris, spoil: (csr) => csr.subarray(0, -20) }),      'ends early'],
  ['with hundreds of names',          () => ({ uris, dns: Array.from({ length: 600 }, (_, i) => `${i}.a`) }), ''],
  ['with a hundred names',            () => ({ uris, dns: Array.from({ length: 100 }, (_, i) => `${i}.a`) }), 'too many'],
  ['twice in one text',               () => hostileCsr({ uris }) + hostileCsr({ uris }),           'more than one'],
  ['that is a private key',           () => '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n', 'more than CERTIFICATE REQUEST'],
  ['that is no PEM',                  () => 'x'.repeat(8_192),                                     ''],
]

/** The same key in another spelling: it must not pass for another key. */
function shortPoint(form: 'compressed' | 'hybrid'): HostileCsr {
  const key = ec('prime256v1')
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
  const point = ECDH.convertKey(spki.subarray(-65), 'prime256v1', undefined, undefined, form)
  return { key, spki: ecSpki(P256, Buffer.from(point)) }
}
const P256 = namedCurve('2a8648ce3d030107')
// biome-ignore format: a table
const weakKeys: [string, () => HostileCsr, string][] = [
  ['RSA of 1024 bits',     () => ({ uris, key: rsa(1_024) }),               'not P-256'],
  ['RSA of 2048 bits',     () => ({ uris, key: rsa(2_048) }),               'not P-256'],
  ['RSA with e = 3',       () => ({ uris, key: rsa(2_048, 3) }),            'not P-256'],
  ['P-192',                () => ({ uris, key: ec('prime192v1') }),         'not P-256'],
  ['P-384',                () => ({ uris, key: ec('secp384r1') }),          'not P-256'],
  ['secp256k1',            () => ({ uris, key: ec('secp256k1') }),          'not P-256'],
  ['Ed25519',              () => ({ uris, key: generateKeyPairSync('ed25519').privateKey }), 'not P-256'],
  ['a point off its curve', () => ({ uris, spki: ecSpki(P256, Buffer.concat([Buffer.from([4]), Buffer.alloc(64, 7)])) }), 'cannot be read'],
  ['the point at infinity', () => ({ uris, spki: ecSpki(P256, Buffer.from([0])) }), ''],
  ['a compressed point',   () => ({ uris, ...shortPoint('compressed') }),    'long form'],
  ['a hybrid point',       () => ({ uris, ...shortPoint('hybrid') }),        'long form'],
  ['a curve without name', () => ({ uris, spki: ecSpki(Buffer.from('3003020101', 'hex'), Buffer.alloc(65, 4)) }), 'not named'],
  ['the key of a CA',      () => ({ uris, key: pki.signersOf('authority-2').active().privateKey }), 'of a CA'],
]

describe('the join door refuses a request', () => {
  it.each([...wrongRequests, ...weakKeys])('%s', async (_, make, why) => {
    const made = make()
    await expectRefusal(typeof made === 'string' ? made : hostileCsr(made), why)
  })

  it('for a key that was revoked as compromised', async () => {
    const key = ec('prime256v1')
    const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
    host.revocations.keys.add(createHash('sha256').update(spki).digest('hex'))
    await expectRefusal(hostileCsr({ uris, key }), 'compromised')
  })

  async function expectRefusal(csr: string, why: string): Promise<void> {
    const { token } = await host.mint('order')
    const before = { rows: issuedCount(), events: host.events.length }
    const { status, type, body } = await join(token, csr)
    expect([status, type, body.code]).toEqual([400, 'application/problem+json', 'BODY_INVALID'])
    expect(body.errors?.[0]?.field).toBe('csr')
    expect(body.errors?.[0]?.message).toContain(why)
    expect(issuedCount()).toBe(before.rows)
    const events = host.events.slice(before.events)
    expect(events).toHaveLength(1)
    expect(events[0]).toMatchObject({
      ...{ action: 'certificate.refuse', status: 'refused' },
      event: { code: 'BODY_INVALID', reason: expect.stringContaining(why) },
      http: { response: { status_code: 400 } },
    })
    // What was wrong was the request: its token is as good as before.
    expect((await join(token, await host.csrFor('order'))).status).toBe(201)
  }
})

/* Server certificates may have RSA keys, so there the weak ones have to be told from the others. */
describe('a server certificate is not given to', () => {
  const prime = (bits: number): bigint => generatePrimeSync(bits, { bigint: true })
  const next = (from: bigint): bigint => {
    for (let n = from + 2n; ; n += 2n) if (checkPrimeSync(n)) return n
  }
  const dns = ['printer.example']
  const close = (p: bigint): bigint => p * next(p)
  // biome-ignore format: a table
  const cases: [string, () => HostileCsr, RegExp][] = [
    ['RSA of 1024 bits',               () => ({ dns, key: rsa(1_024) }),                            /1024 bits/],
    ['RSA with e = 1',                 () => ({ dns, spki: rsaSpki(prime(1_024) * prime(1_024), 1n) }), /exponent|cannot be read/],
    ['RSA with e = 3',                 () => ({ dns, key: rsa(2_048, 3) }),                         /exponent/],
    ['RSA with neighbours for factors', () => ({ dns, spki: rsaSpki(close(prime(1_024))) }),        /too close/],
    ['P-192',                          () => ({ dns, key: ec('prime192v1') }),                      /not P-256 or P-384 or RSA/],
    ['a signature of MD5',             () => ({ dns, key: rsa(2_048), hash: 'md5' }),               /not believed/],
    ['a signature of SHA-1',           () => ({ dns, key: rsa(2_048), hash: 'sha1' }),              /not believed/],
    ['a common name that is not in it', () => ({ dns, commonName: 'other.example' }),               /common name/],
    ['a name more',                    () => ({ dns: [...dns, 'other.example'] }),                  /granted names/],
    ['a name less',                    () => ({ dns: [] }),                                         /granted names/],
    ['another name',                   () => ({ dns: ['printer.example.evil.example'] }),           /granted names/],
    ['a SPIFFE id',                    () => ({ dns, uris }),                                       /another kind/],
    ['a CA',                           () => ({ dns, ca: true }),                                   /be a CA/],
  ]
  it.each(cases)('%s', async (_, make, why) => {
    const csr = hostileCsr(make())
    const before = issuedCount()
    await expect(server(csr)).rejects.toThrow(why)
    expect(issuedCount()).toBe(before)
  })

  it('nobody else: good keys of all kinds get one', async () => {
    for (const key of [ec('prime256v1'), ec('secp384r1'), rsa(2_048)]) {
      const csr = hostileCsr({ dns: ['PRINTER.example'], commonName: 'printer.example', key })
      expect((await server(csr)).chain).toContain('BEGIN CERTIFICATE')
    }
  })

  const server = (csr: string) =>
    host.authority.issue({ profile: 'acme', kind: 'acme', name: 'account', csr, names: dns })
})

describe('the door of the mesh refuses a renewal', () => {
  const { serial, lineage } = { serial: 'a1', lineage: 'b2' }
  const renew = async (permit: object, csr: string): Promise<unknown> => {
    const handle = host.handlers.renew as (input: object) => Promise<unknown>
    return handle({ body: { csr }, permit, requestId: 'r-1' }).catch((error: unknown) => error)
  }
  const order = { endpoint: 'renew', caller: 'order', callerSerial: serial, callerLineage: lineage }

  // biome-ignore format: a table
  const cases: [string, () => object, () => Promise<string>, string][] = [
    ['for another name',               () => grant(order),                                          () => host.csrFor('payment'), 'BODY_INVALID'],
    ['with a further name',            () => grant(order),                                          async () => hostileCsr({ uris, dns: ['a'] }), 'BODY_INVALID'],
    ['by an id that is not the name\'s', () => ({ ...grant(order), caller: 'payment' }),            () => host.csrFor('payment'), 'PEER_UNKNOWN'],
    ['by a certificate without serial', () => grant({ endpoint: 'renew', caller: 'order' }),        () => host.csrFor('order'), 'PEER_UNKNOWN'],
    ['of a lineage that was revoked',  () => { host.revocations.lineages.add('bad'); return grant({ ...order, callerLineage: 'bad' }) }, () => host.csrFor('order'), 'PEER_UNKNOWN'],
  ]
  it.each(cases)('%s', async (_, permit, csr, code) => {
    const before = { rows: issuedCount(), events: host.events.length }
    const refusal = await renew(permit(), await csr())
    expect(refusal).toBeInstanceOf(Refusal)
    expect(refusal).toMatchObject({ code })
    expect(issuedCount()).toBe(before.rows)
    expect(host.events.slice(before.events)).toMatchObject([
      { action: 'certificate.refuse', status: 'refused', event: { code } },
    ])
  })
})
