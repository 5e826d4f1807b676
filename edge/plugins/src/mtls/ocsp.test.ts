import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { has, temporaryFolder } from '@countersign/ground/testkit'
import {
  createCrl,
  createOcspResponse,
  newSerial,
  ocspFailure,
  parseOcspRequest,
} from '@countersign/ground/x509'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  type Authority,
  createAuthority,
  der,
  failed,
  HOUR,
  MtlsHouse,
  NOW,
} from './mtls-house.fixture.ts'
import { createOpensslCa, type OpensslCa } from './openssl-ca.fixture.ts'

/* OCSP (RFC 6960) against openssl's own responder, and against such as no honest one is. */

const folder = temporaryFolder()
const serial = newSerial()
let ca: OpensslCa
let partner: Authority
let leaf: string
let house: MtlsHouse
let answer: (question: Buffer) => Buffer | undefined
let crl: Buffer | undefined
let asked: string[] = []
const server = createServer(async (request, response) => {
  asked.push(`${request.method} ${request.url}`)
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  const body = request.url === '/ocsp' ? answer(Buffer.concat(chunks)) : crl
  response.writeHead(body === undefined ? 503 : 200).end(body)
})
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  ca = await createOpensslCa(folder.path)
  partner = await createAuthority('partner.test')
  leaf = ca.client({ serial, ocspUrl: `${origin}/ocsp`, crlUrl: `${origin}/crl` })
})
afterAll(() => {
  server.close()
  server.closeAllConnections()
  folder[Symbol.dispose]()
})
beforeEach(() => {
  asked = []
  crl = undefined
  house = new MtlsHouse(partner, partner)
  house.directory.addAuthority('till-root', ca.root)
  house.directory.add('till 7')
})
const till = async (mode: string, changes: Record<string, unknown> = {}) =>
  (
    await house.ask(der(leaf), {
      ...{ ca_certificates: ['till-root'], revocation_check_mode: mode, ...changes },
    })
  ).said
const listed = (...serials: string[]) =>
  createCrl({
    ...{ issuer: ca.issuer, number: 1n, thisUpdate: NOW - 1_000, nextUpdate: NOW + HOUR },
    revoked: serials.map((one) => ({ serial: one, at: NOW - 500 })),
  })
type Said = Parameters<typeof createOcspResponse>[0]
/** An answer of ours, that some of it can be changed of. */
const made =
  (changes: Partial<Said> = {}, one: Partial<Said['answers'][number]> = {}) =>
  (question: Buffer) => {
    const { certificates, nonce } = parseOcspRequest(question)
    const answers = certificates.map((of) => ({
      ...{ of, status: 'good' as const, thisUpdate: NOW - 1_000, nextUpdate: NOW + HOUR, ...one },
    }))
    return createOcspResponse({ responder: ca.issuer, answers, producedAt: NOW, nonce, ...changes })
  }

describe.skipIf(!has('openssl'))('a responder', () => {
  test.each(['root', 'responder'] as const)('of openssl, by its %s', async (by) => {
    answer = (question) => ca.answer(question, { good: serial, by })
    expect(await till('STRICT')).toBeUndefined()
    house.tools.nowMs += 60_000
    answer = (question) => ca.answer(question, { revoked: serial, by })
    expect(await till('IGNORE_CA_ERROR')).toEqual(failed)
    expect(asked).toEqual(['POST /ocsp', 'POST /ocsp'])
  })

  test('is asked once by all who wait, again after cert_cache_ttl, and never with SKIP', async () => {
    answer = made()
    expect(await till('SKIP')).toBeUndefined()
    expect(asked).toEqual([])
    const all = await Promise.all([till('STRICT'), till('STRICT'), till('IGNORE_CA_ERROR')])
    expect(all).toEqual([undefined, undefined, undefined])
    house.tools.nowMs += 59_999
    expect(await till('STRICT')).toBeUndefined()
    expect(asked.length).toBe(1)
    answer = made({}, { status: { revokedAt: NOW - 500 } })
    expect(await till('STRICT', { cert_cache_ttl: 1_000 })).toEqual(failed)
    expect(asked.length).toBe(2)
  })

  test('may answer without a nonce, and is not kept past its own time', async () => {
    answer = made({ nonce: undefined }, { nextUpdate: NOW + 10_000 })
    expect(await till('STRICT')).toBeUndefined()
    house.tools.nowMs += 10_000
    expect(await till('STRICT')).toEqual(failed)
    expect(asked).toEqual(['POST /ocsp', 'POST /ocsp', 'GET /crl'])
  })

  test.each<[string, () => typeof answer]>([
    ['is away', () => () => undefined],
    ['answers nonsense', () => () => Buffer.from('nonsense')],
    ['does not want to', () => () => ocspFailure('tryLater')],
    ['does not know it', () => (question) => ca.answer(question, {})],
    ['is nobody who may', () => (question) => ca.answer(question, { good: serial, by: 'other' })],
    ['is another CA', () => made({ responder: partner.issuer })],
    ['answers another question', () => made({ nonce: Buffer.alloc(32) })],
    ['answers about another certificate', () => made({ answers: [] })],
    ['is late', () => made({}, { thisUpdate: NOW - HOUR, nextUpdate: NOW })],
    ['is early', () => made({}, { thisUpdate: NOW + 120_000 })],
    [
      'was tampered with',
      () => (question) => {
        const bytes = made()(question)
        bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1
        return bytes
      },
    ],
  ])('that %s says nothing: then the list is asked', async (_, make) => {
    answer = make()
    expect(await till('IGNORE_CA_ERROR')).toBeUndefined()
    expect(await till('STRICT')).toEqual(failed)
    expect(asked).toEqual(['POST /ocsp', 'GET /crl'])
    house.tools.nowMs += 10_000
    crl = listed(serial)
    expect(await till('IGNORE_CA_ERROR')).toEqual(failed)
    expect(asked.length).toBe(4)
  })
})
