import { X509Certificate } from 'node:crypto'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { beforeAll, describe, expect, it } from 'vitest'
import { spiffeId } from '../spiffe/index.ts'
import { createIntermediate, createServerCertificate, createSvid } from './issue.ts'
import { generateKeyPair } from './key-pair.ts'
import type { Issuer } from './sign-certificate.ts'
import { validateChain } from './validate-chain.ts'
import { createPki, DAY, leafParts, type Pki, signAnything, TD } from './x509.fixture.ts'

const now = Date.now()
const ID = spiffeId('test.local', 'service', 'order')
let pki: Pki
let other: Pki
beforeAll(async () => {
  pki = await createPki(now)
  other = await createPki(now)
})

async function leaf(options: { issuer?: Issuer; from?: number; until?: number } = {}) {
  const { publicKey, privateKey } = await generateKeyPair()
  const span = { notBefore: options.from ?? now - 1000, notAfter: options.until ?? now + 60_000 }
  const issuer = options.issuer ?? pki.issuer
  const pem = await createSvid({ issuer, id: ID, publicKey, span })
  return { pem, publicKey, privateKey, issuer, span }
}

describe('what is issued', () => {
  it('has a random positive serial of 16 octets, both key identifiers and critical constraints', async () => {
    const serials = new Set<string>()
    for (let i = 0; i < 20; i++) {
      const { serialNumber } = new X509Certificate((await leaf()).pem)
      expect(serialNumber).toMatch(/^[0-9A-F]{28,32}$/)
      serials.add(serialNumber)
    }
    expect(serials.size).toBe(20)
  })

  it('carries a TLS 1.3 handshake with both sides proven', async () => {
    const mine = await leaf()
    const key = mine.privateKey.export({ format: 'pem', type: 'pkcs8' })
    const common = {
      key,
      cert: mine.pem + pki.intermediate,
      ca: pki.root,
      minVersion: 'TLSv1.3',
    } as const
    const server = createServer({ ...common, requestCert: true, rejectUnauthorized: true })
    const accepted = new Promise<TLSSocket>((resolve) => server.once('secureConnection', resolve))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const client = connect({
      ...common,
      port,
      host: '127.0.0.1',
      checkServerIdentity: () => undefined,
    })
    const socket = await accepted
    expect(socket.authorized).toBe(true)
    expect(client.authorized).toBe(true)
    client.destroy()
    server.close()
  })

  it('is refused for a key that is not the issuer’s, and for names that are none', async () => {
    const wrong = { certificate: pki.intermediate, privateKey: other.issuer.privateKey }
    await expect(leaf({ issuer: wrong })).rejects.toMatchObject({ code: 'KEY_MISMATCH' })
    const { publicKey, span, issuer } = await leaf()
    for (const names of [[], ['*.local'], ['A.local'], ['a b'], ['a,URI:b'], ['-a']]) {
      const make = () => createServerCertificate({ issuer, names, publicKey, span })
      expect(make).toThrow(TypeError)
    }
  })

  it('for the public door holds its host names', async () => {
    const { publicKey, span, issuer } = await leaf()
    const names = ['localhost', '127.0.0.1', '::1']
    const door = new X509Certificate(
      await createServerCertificate({ issuer, names, publicKey, span }),
    )
    expect(door.checkHost('localhost')).toBe('localhost')
    expect(door.checkIP('127.0.0.1')).toBe('127.0.0.1')
    expect(door.checkIP('::1')).toBe('::1')
    expect(door.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1'])
  })
})

describe('validateChain', () => {
  it('accepts a leaf below its intermediate and root', async () => {
    const { pem, span } = await leaf()
    const verdict = validateChain(pem + pki.intermediate, other.root + pki.root, now)
    expect(verdict).toMatchObject({ ok: true, notAfter: Math.floor(span.notAfter / 1000) * 1000 })
  })

  it('refuses another root, a gap, and the wrong order', async () => {
    const { pem } = await leaf()
    const fault = (chain: string, bundle = pki.root) => validateChain(chain, bundle, now)
    expect(fault(pem + pki.intermediate, other.root)).toMatchObject({
      fault: expect.stringMatching(/no root/),
    })
    expect(fault(pem)).toMatchObject({ fault: expect.stringMatching(/no root/) })
    expect(fault(pki.intermediate + pem)).toMatchObject({ ok: false })
    expect(fault(pem + other.intermediate, other.root)).toMatchObject({
      fault: expect.stringMatching(/signature|issuer/),
    })
    expect(fault('')).toMatchObject({ fault: expect.stringMatching(/cannot be read/) })
    expect(fault(pem + pki.intermediate.repeat(4))).toMatchObject({
      fault: expect.stringMatching(/too long/),
    })
  })

  it('refuses what is outside its time, at every height', async () => {
    const { pem } = await leaf({ until: now + 2 * DAY, from: now - 1000 })
    const chain = pem + pki.intermediate
    expect(validateChain(chain, pki.root, now - 2000)).toMatchObject({
      fault: expect.stringMatching(/not valid yet/),
    })
    expect(validateChain(chain, pki.root, now + DAY + 1000)).toMatchObject({
      fault: expect.stringMatching(/expired/),
    })
    expect(validateChain(chain, pki.root, Number.NaN)).toMatchObject({ ok: false })
  })

  it('refuses a CA as leaf, a leaf as issuer, and more CAs than allowed', async () => {
    expect(validateChain(pki.intermediate, pki.root, now)).toMatchObject({
      fault: expect.stringMatching(/leaf is a CA/),
    })
    const mine = await leaf()
    const usurper = { certificate: mine.pem, privateKey: mine.privateKey }
    const below = await leaf({ issuer: usurper })
    const chain = below.pem + mine.pem + pki.intermediate
    expect(validateChain(chain, pki.root, now)).toMatchObject({
      fault: expect.stringMatching(/may not sign/),
    })
    const keys = await generateKeyPair()
    const deeper = await createIntermediate({
      ...{ issuer: pki.issuer, trustDomainId: TD, commonName: 'deeper', publicKey: keys.publicKey },
      span: { notBefore: now - 1000, notAfter: now + DAY },
    })
    const deep = await leaf({ issuer: { certificate: deeper, privateKey: keys.privateKey } })
    const long = deep.pem + deeper + pki.intermediate
    expect(validateChain(long, pki.root, now)).toMatchObject({
      fault: expect.stringMatching(/may not have a CA below/),
    })
  })

  it('refuses another trust domain and a critical extension that it does not know', async () => {
    const names = [{ type: 'url', value: 'spiffe://evil.local/service/order' }] as const
    const foreign = await signAnything(pki.issuer, (x509) => leafParts(x509, { names: [...names] }))
    const crossing = validateChain(foreign + pki.intermediate, pki.root, Date.now())
    expect(crossing).toMatchObject({ fault: expect.stringMatching(/crosses trust domains/) })
    const odd = await signAnything(pki.issuer, (x509) => [
      ...leafParts(x509),
      new x509.Extension('1.2.3.4', true, new Uint8Array([5, 0])),
    ])
    const unknown = validateChain(odd + pki.intermediate, pki.root, Date.now())
    expect(unknown).toMatchObject({ fault: expect.stringMatching(/critical extension/) })
  })
})
