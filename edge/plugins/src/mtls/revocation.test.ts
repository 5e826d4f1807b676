import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { has, temporaryFolder } from '@countersign/ground/testkit'
import { createCrl, newSerial } from '@countersign/ground/x509'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  type Authority,
  client,
  createAuthority,
  der,
  failed,
  HOUR,
  MtlsHouse,
  NOW,
} from './mtls-house.fixture.ts'
import { createOpensslCa, type OpensslCa } from './openssl-ca.fixture.ts'

let partner: Authority
let platform: Authority
let shop: string
let house: MtlsHouse
beforeAll(async () => {
  partner = await createAuthority('partner.test')
  platform = await createAuthority('test.local')
  shop = await client(partner, 'shop', { hostNames: ['shop.partner.test'] })
})
beforeEach(() => {
  house = new MtlsHouse(partner, platform)
})

describe('what another CA took back', () => {
  let list: Buffer | undefined
  let fetched = 0
  const server = createServer((_, response) => {
    fetched++
    response.writeHead(list === undefined ? 503 : 200).end(list)
  })
  let url: string
  let leaf: string
  let serial: string
  /** The partner's CA, with a certificate that says where its list is, made by openssl as anyone's would be. */
  const folder = temporaryFolder()
  let authority: OpensslCa
  afterAll(() => {
    server.close()
    folder[Symbol.dispose]()
  })
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/list.crl`
    serial = newSerial()
    authority = await createOpensslCa(folder.path)
    leaf = authority.client({ serial, crlUrl: url })
  })
  beforeEach(() => {
    fetched = 0
    house.directory.addAuthority('till-root', authority.root)
    house.directory.add('till 7')
  })
  const crl = (revoked: readonly string[], nextUpdate = NOW + HOUR, by = authority.issuer) =>
    createCrl({
      ...{ issuer: by, number: 1n, thisUpdate: NOW - 1_000, nextUpdate },
      revoked: revoked.map((one) => ({ serial: one, at: NOW - 500 })),
    })
  const till = (mode: string) =>
    house.ask(der(leaf), { ca_certificates: ['till-root'], revocation_check_mode: mode })

  test.skipIf(!has('openssl'))('a client whose name stands in its subject alone', async () => {
    list = crl([newSerial()])
    expect((await till('STRICT')).asked.consumer?.username).toBe('till 7')
    const config = { ca_certificates: ['till-root'], skip_consumer_lookup: true }
    expect((await house.ask(der(leaf), config)).asked.groups).toEqual(['till 7'])
    expect(
      (await house.ask(der(leaf), { ...config, authenticated_group_by: 'DN' })).asked.groups,
    ).toEqual(['CN=till 7,O=Partner\\, Inc.'])
  })

  test.skipIf(!has('openssl'))('it is asked for once, and refuses who is on it', async () => {
    list = crl([serial])
    expect((await till('SKIP')).said).toBeUndefined()
    expect(fetched).toBe(0)
    expect((await till('IGNORE_CA_ERROR')).said).toEqual(failed)
    expect((await till('STRICT')).said).toEqual(failed)
    expect(fetched).toBe(1)
    list = crl([])
    house.tools.nowMs = NOW + 59_999
    expect((await till('STRICT')).said).toEqual(failed)
    house.tools.nowMs = NOW + 60_000
    expect((await till('STRICT')).said).toBeUndefined()
    expect(fetched).toBe(2)
  })

  test.skipIf(!has('openssl')).each<[string, () => Promise<Buffer | undefined>]>([
    ['there is none', async () => undefined],
    ['another CA has signed it', async () => crl([], NOW + HOUR, partner.issuer)],
    ['it is over', async () => crl([], NOW - 1)],
    ['it is no list', async () => Buffer.from('nonsense')],
  ])('%s: refused with STRICT only, and not asked again at once', async (_, made) => {
    list = await made()
    expect((await till('IGNORE_CA_ERROR')).said).toBeUndefined()
    expect((await till('STRICT')).said).toEqual(failed)
    expect(fetched).toBe(1)
    list = crl([])
    house.tools.nowMs += 10_000
    expect((await till('STRICT')).said).toBeUndefined()
    expect(fetched).toBe(2)
  })

  test('a chain that names no list is refused with STRICT', async () => {
    const shown = der(shop, partner.intermediate)
    expect((await house.ask(shown, { revocation_check_mode: 'STRICT' })).said).toEqual(failed)
    expect(
      (await house.ask(shown, { revocation_check_mode: 'IGNORE_CA_ERROR' })).said,
    ).toBeUndefined()
  })
})
