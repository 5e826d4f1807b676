import { spiffeId } from '@countersign/ground/spiffe'
import { type CsrFacts, createCsr, generateKeyPair, parseCsr } from '@countersign/ground/x509'
import { beforeAll, describe, expect, it } from 'vitest'
import { checkCsr } from './check-csr.ts'

const ID = spiffeId('test.local', 'service', 'order')
let good: CsrFacts
beforeAll(async () => {
  good = parseCsr(await createCsr({ id: ID, privateKey: (await generateKeyPair()).privateKey }))
})

const usage = { digitalSignature: true, keyCertSign: false, crlSign: false }
const present = (oid: string) => new Map([[oid, { critical: false, value: Buffer.alloc(0) }]])
const SERVER = '2b06010505070301'
// biome-ignore format: a table
const cases: [string, Partial<CsrFacts>, string | undefined][] = [
  ['nothing but the name',        {},                                         undefined],
  ['usages that it gets anyway',  { keyUsage: usage, extendedKeyUsage: [SERVER] }, undefined],
  ['another service',             { uris: ['spiffe://test.local/service/payment'] }, 'expected name'],
  ['another trust domain',        { uris: ['spiffe://evil.local/service/order'] }, 'expected name'],
  ['a longer name',               { uris: [`${ID}s`] },                       'expected name'],
  ['a second name',               { uris: [ID, 'spiffe://test.local/platform/desk'] }, 'expected name'],
  ['no name',                     { uris: [] },                               'expected name'],
  ['a host name',                 { dnsNames: ['localhost'] },                'further names'],
  ['an address',                  { ips: ['7f000001'] },                      'further names'],
  ['a mail address',              { otherNames: 1 },                          'further names'],
  ['a subject',                   { subjectEmpty: false },                    'a subject'],
  ['to be a CA',                  { ca: true },                               'be a CA'],
  ['a path length',               { pathLength: 0 },                          'be a CA'],
  ['keyCertSign',                 { keyUsage: { ...usage, keyCertSign: true } }, 'usages of a CA'],
  ['cRLSign',                     { keyUsage: { ...usage, crlSign: true } },  'usages of a CA'],
  ['code signing',                { extendedKeyUsage: ['2b06010505070303'] }, 'other usages'],
  ['name constraints',            { present: present('551d1e') },             'other extensions'],
  ['a challenge password',        { otherAttributes: ['2a864886f70d010907'] }, 'other attributes'],
]

describe('a request that asks for', () => {
  it.each(cases)('%s', (_, changes, fault) => {
    const found = checkCsr({ ...good, ...changes }, ID)
    if (fault === undefined) expect(found).toBeUndefined()
    else expect(found).toContain(fault)
  })
})
