import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { has, temporaryFolder } from '../testkit/index.ts'
import { createOcspRequest } from './create-ocsp-request.ts'
import { createOcspResponse, type OcspAnswer, ocspFailure } from './create-ocsp-response.ts'
import { TAG } from './der.ts'
import { createSvid } from './issue.ts'
import { generateKeyPair } from './key-pair.ts'
import { OID } from './oids.ts'
import { isAskedOf, ocspIssuer, parseOcspRequest } from './parse-ocsp-request.ts'
import { readOcspResponse } from './read-ocsp-response.ts'
import { newSerial, writeSerial } from './serial.ts'
import { NULL, writeDer, writeOid } from './write-der.ts'
import { writeExtension } from './write-extensions.ts'
import { createPki, DAY, ORDER, type Pki } from './x509.fixture.ts'

const now = Math.floor(Date.now() / 1000) * 1000
let pki: Pki
let other: Pki
beforeAll(async () => {
  pki = await createPki(now)
  other = await createPki(now)
})

const octets = (hex: string) => writeDer(TAG.octetString, Buffer.from(hex, 'hex'))
const sequence = (...parts: Buffer[]) => writeDer(TAG.sequence, ...parts)

function certId(serial: string, hash: 'sha1' | 'sha256' = 'sha1'): Buffer {
  const { name, key } = ocspIssuer(pki.intermediate)[hash]
  return sequence(
    sequence(writeOid(OID[hash]), NULL),
    octets(name),
    octets(key),
    writeSerial(serial),
  )
}
const ask = (...ids: Buffer[]) => sequence(sequence(sequence(...ids.map((id) => sequence(id)))))
const askWith = (...extensions: Buffer[]) =>
  sequence(sequence(sequence(sequence(certId('a'))), writeDer(0xa2, sequence(...extensions))))
const nonce = (value: Buffer, critical = false) =>
  writeExtension(OID.ocspNonce, writeDer(TAG.octetString, value), critical)

describe('a question of OCSP', () => {
  it('names certificates with SHA-1 and SHA-256, and which issuer they are of', () => {
    const { certificates, nonce } = parseOcspRequest(ask(certId('a1'), certId('b2', 'sha256')))
    expect(certificates).toMatchObject([
      { serial: 'a1', hash: 'sha1' },
      { serial: 'b2', hash: 'sha256' },
    ])
    expect(nonce).toBeUndefined()
    for (const asked of certificates) {
      expect(isAskedOf(asked, ocspIssuer(pki.intermediate))).toBe(true)
      expect(isAskedOf(asked, ocspIssuer(other.intermediate))).toBe(false)
    }
  })

  it('with another hash is about nobody that we know', () => {
    const foreign = sequence(
      sequence(writeOid('2a03')),
      octets('00'),
      octets('00'),
      writeSerial('a'),
    )
    const [asked] = parseOcspRequest(ask(foreign)).certificates
    expect(asked).toMatchObject({ hash: undefined, serial: 'a' })
    expect(asked && isAskedOf(asked, ocspIssuer(pki.intermediate))).toBe(false)
  })

  it('may have a nonce of 1 to 128 octets', () => {
    const long = Buffer.alloc(128, 7)
    expect(parseOcspRequest(askWith(nonce(long))).nonce).toEqual(long)
    expect(parseOcspRequest(askWith(nonce(Buffer.from([1]), true))).nonce).toEqual(Buffer.from([1]))
  })

  // biome-ignore format: a table
  const refused: [string, () => Buffer][] = [
    ['nothing',                          () => Buffer.alloc(0)],
    ['an empty sequence',                () => sequence()],
    ['a question about nothing',         () => sequence(sequence(sequence()))],
    ['one about too much',               () => ask(...Array.from({ length: 33 }, () => certId('1')))],
    ['one that is too long',             () => Buffer.concat([Buffer.from('30822000', 'hex'), Buffer.alloc(8_192)])],
    ['version 2',                        () => sequence(sequence(Buffer.from('a003020101', 'hex'), sequence(sequence(certId('1')))))],
    ['a nonce of nothing',               () => askWith(nonce(Buffer.alloc(0)))],
    ['a nonce of 129 octets',            () => askWith(nonce(Buffer.alloc(129)))],
    ['a critical extension',             () => askWith(writeExtension('2a03', NULL, true))],
    ['a nonce twice',                    () => askWith(nonce(Buffer.alloc(8)), nonce(Buffer.alloc(8)))],
    ['a negative serial',                () => ask(sequence(sequence(writeOid(OID.sha1)), octets('00'), octets('00'), Buffer.from('0201ff', 'hex')))],
    ['a CertID of three parts',          () => ask(sequence(sequence(writeOid(OID.sha1)), octets('00'), octets('00')))],
    ['bytes after it',                   () => Buffer.concat([ask(certId('1')), Buffer.from([0])])],
    ['a part that is not known',         () => sequence(sequence(sequence(sequence(certId('1')))), NULL)],
  ]
  it.each(refused)('that is or has %s is refused', (_, make) => {
    expect(() => parseOcspRequest(make())).toThrow(expect.objectContaining({ code: 'MALFORMED' }))
  })

  it('in which bits are flipped or that is cut is read or refused, and nothing else', () => {
    const whole = askWith(nonce(Buffer.alloc(16, 1)))
    const hostile = fc.record({
      flips: fc.array(fc.nat(whole.length * 8 - 1), { maxLength: 4 }),
      length: fc.nat(whole.length),
    })
    fc.assert(
      fc.property(hostile, ({ flips, length }) => {
        const bytes = Buffer.from(whole)
        for (const bit of flips) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        try {
          const { certificates } = parseOcspRequest(bytes.subarray(0, length))
          expect(certificates.length).toBe(1)
        } catch (error) {
          expect(error).toMatchObject({ code: 'MALFORMED' })
        }
      }),
      { numRuns: 5_000 },
    )
  })
})

it('a failure has a status and nothing more', () => {
  expect(ocspFailure('malformedRequest').toString('hex')).toBe('30030a0101')
  expect(ocspFailure('unauthorized').toString('hex')).toBe('30030a0106')
})

describe('an answer', () => {
  const nonce = Buffer.alloc(32, 1)
  const question = () => ({ issuer: pki.intermediate, serial: 'a1', nonce, now })
  const answer = (status: OcspAnswer['status']) => {
    const asked = createOcspRequest({ issuer: ocspIssuer(pki.intermediate), serial: 'a1', nonce })
    const { certificates, nonce: sent } = parseOcspRequest(asked)
    expect(sent).toEqual(nonce)
    const answers = certificates.map((of) => ({
      ...{ of, status, thisUpdate: now, nextUpdate: now + DAY },
    }))
    return createOcspResponse({ responder: pki.issuer, answers, producedAt: now, nonce })
  }

  it.each(['good', 'revoked', 'unknown'] as const)('says %s and for how long', (status) => {
    const der = answer(status === 'revoked' ? { revokedAt: now } : status)
    const verdict = { status, thisUpdate: now, nextUpdate: now + DAY }
    expect(readOcspResponse(der, question())).toEqual(verdict)
  })

  it('counts for its own question only', () => {
    const der = answer('good')
    for (const change of [
      { serial: 'a2' },
      { issuer: other.intermediate },
      { issuer: pki.root },
      { nonce: Buffer.alloc(32) },
    ])
      expect(readOcspResponse(der, { ...question(), ...change })).toBeTypeOf('string')
  })

  it('in which bits are flipped or that is cut says the same, or why it does not count', () => {
    const whole = answer({ revokedAt: now - 1000 })
    const hostile = fc.record({
      flips: fc.array(fc.nat(whole.length * 8 - 1), { maxLength: 4 }),
      length: fc.oneof(fc.constant(whole.length), fc.nat(whole.length)),
    })
    fc.assert(
      fc.property(hostile, ({ flips, length }) => {
        const bytes = Buffer.from(whole)
        for (const bit of flips) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        const verdict = readOcspResponse(bytes.subarray(0, length), question())
        if (typeof verdict !== 'string') expect(verdict.status).toBe('revoked')
      }),
      { numRuns: 2_000 },
    )
  })
})

describe.skipIf(!has('openssl'))('openssl', () => {
  it.each(['sha1', 'sha256'])('asks with %s and accepts the answer', async (hash) => {
    using folder = temporaryFolder()
    const path = (name: string) => join(folder.path, name)
    const { publicKey } = await generateKeyPair()
    const span = { notBefore: now - 1000, notAfter: now + DAY / 2 }
    const serials = { good: newSerial(), revoked: newSerial(), unknown: newSerial() }
    for (const [name, serial] of Object.entries(serials)) {
      const leaf = createSvid({ issuer: pki.issuer, id: ORDER, publicKey, span, serial })
      writeFileSync(path(name), leaf)
    }
    writeFileSync(path('root.pem'), pki.root)
    writeFileSync(path('ca.pem'), pki.intermediate)
    const ask = async (answer: (question: Buffer) => Buffer) => {
      await using server = await serve(answer)
      const certs = Object.keys(serials).flatMap((name) => ['-cert', path(name)])
      const options = ['-issuer', path('ca.pem'), `-${hash}`, ...certs, '-CAfile', path('root.pem')]
      return await run('openssl', ['ocsp', '-url', server.url, ...options])
    }
    const statuses: OcspAnswer['status'][] = [
      'good',
      { revokedAt: now - 5000, reason: 1 },
      'unknown',
    ]
    const answering = (by: Pki) => (question: Buffer) => {
      const { certificates, nonce } = parseOcspRequest(question)
      expect(certificates.map(({ serial }) => serial)).toEqual(Object.values(serials))
      expect(certificates.every((of) => isAskedOf(of, ocspIssuer(pki.intermediate)))).toBe(true)
      expect(nonce).toBeDefined()
      const answers = certificates.map((of, i) => ({
        ...{ of, status: statuses[i] ?? 'unknown', thisUpdate: now, nextUpdate: now + DAY },
      }))
      return createOcspResponse({ responder: by.issuer, answers, producedAt: now, nonce })
    }
    const said = await ask(answering(pki))
    expect(said).toContain('Response verify OK')
    expect(said).not.toMatch(/nonce/i)
    expect(said).toContain(`${path('good')}: good`)
    expect(said).toContain(`${path('revoked')}: revoked`)
    expect(said).toContain('Reason: keyCompromise')
    expect(said).toContain(`${path('unknown')}: unknown`)
    expect(await ask(answering(other))).toContain('Response Verify Failure')
    expect(await ask(() => ocspFailure('tryLater'))).toContain('trylater')
  })
})

async function serve(answer: (question: Buffer) => Buffer) {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    response.setHeader('content-type', 'application/ocsp-response')
    response.end(answer(Buffer.concat(chunks)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const stop = async () => {
    server.closeAllConnections()
    server.close()
  }
  return { url: `http://127.0.0.1:${port}/`, [Symbol.asyncDispose]: stop }
}

/** All that a program says, whether it ends well or not. */
function run(program: string, options: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile(program, options, { timeout: 10_000 }, (_, stdout, stderr) => resolve(stdout + stderr))
  })
}
