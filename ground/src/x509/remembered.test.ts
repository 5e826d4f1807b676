import { X509Certificate } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { spiffeId } from '../spiffe/index.ts'
import { type Changes, ecKeys, validity } from '../testkit/hostile/forge.fixture.ts'
import { type Ca, House } from '../testkit/hostile/house.fixture.ts'
import { readPem, writePem } from './pem.ts'
import { validateChain } from './validate-chain.ts'
import { validatePeer } from './validate-peer.ts'
import * as write from './write-extensions.ts'

/* What is remembered of a path, and chains that are bent. */

const ID = spiffeId('test.local', 'service', 'order')
const TD = spiffeId('test.local')
const now = Date.now()
const HOUR = 3_600_000
const house = new House(ID, TD, now)
const leafBelow = (issuer: Ca) => house.leaf({}, issuer) + issuer.pem
const check = (chain: string, root: Ca = house.root) => {
  const verdict = validateChain(chain, root.pem, now, { profile: 'svid' })
  return verdict.ok ? 'good' : verdict.fault
}
const ca = (changes: Changes, keys = ecKeys()) => house.newCa('ca', house.root, changes, keys)

describe('what is remembered', () => {
  it('does not outlive its time', () => {
    const short = ca({ validity: validity(now - HOUR, now + HOUR) })
    const chain = leafBelow(short)
    const at = (ms: number) => validateChain(chain, house.root.pem, ms)
    expect(at(now)).toMatchObject({ ok: true, notAfter: Math.floor((now + HOUR) / 1000) * 1000 })
    expect(at(now + 2 * HOUR)).toMatchObject({ fault: expect.stringContaining('expired') })
    expect(at(now - 2 * HOUR)).toMatchObject({ fault: expect.stringContaining('not valid yet') })
    expect(at(Number.NaN)).toMatchObject({ ok: false })
  })

  it('is of the certificate that was shown, not of one with its name and key', () => {
    const keys = ecKeys()
    const good = ca({}, keys)
    const bad = ca({ usage: undefined }, keys)
    expect(check(leafBelow(good))).toBe('good')
    expect(check(leafBelow(bad))).toContain('may not sign')
    expect(check(leafBelow(good))).toBe('good')
  })

  it('is of these roots only', () => {
    const other = new House(ID, TD, now)
    expect(check(leafBelow(house.issuer))).toBe('good')
    expect(check(leafBelow(house.issuer), other.root)).toContain('no root')
  })

  it('by a door is found anew where a peer shows a newer issuer of the same key', () => {
    const keys = ecKeys()
    const roots = [new X509Certificate(house.root.pem)]
    const short = ca({ validity: validity(now - HOUR, now + HOUR) }, keys)
    const long = ca({}, keys)
    const peer = (issuer: Ca, ms: number) =>
      validatePeer(linked(house.leaf({}, issuer), issuer.pem), {
        roots,
        now: ms,
        purpose: 'client',
      })
    expect(peer(short, now)).toMatchObject({ ok: true, id: ID })
    expect(peer(short, now + 2 * HOUR)).toMatchObject({ ok: false })
    expect(peer(long, now + 2 * HOUR)).toMatchObject({ ok: true })
  })
})

it('a peer that shows more issuers than anyone needs is refused', () => {
  const basic = write.basicConstraints({ pathLength: 9 })
  const root = house.newRoot('root', { basic })
  const line = [house.newCa('ca 0', root, { basic })]
  const show = () => {
    const pems = line.toReversed().map(({ pem }) => pem)
    const peer = linked(house.leaf({}, line.at(-1)), ...pems, root.pem)
    const roots = [new X509Certificate(root.pem)]
    const verdict = validatePeer(peer, { roots, now, purpose: 'client' })
    return verdict.ok ? 'good' : verdict.fault
  }
  for (const name of ['ca 1', 'ca 2']) line.push(house.newCa(name, line.at(-1) ?? root, { basic }))
  expect(show()).toBe('good')
  line.push(house.newCa('ca 3', line.at(-1) ?? root, { basic }))
  expect(show()).toContain('too long')
})

/** A certificate with its issuers as Node links them. */
function linked(leaf: string, ...issuers: readonly string[]): X509Certificate {
  const certificate = new X509Certificate(leaf)
  const [next, ...rest] = issuers
  const value = next === undefined ? undefined : linked(next, ...rest)
  return Object.defineProperty(certificate, 'issuerCertificate', { value })
}

describe('a chain that is bent', () => {
  const [leaf = Buffer.alloc(0), issuer = Buffer.alloc(0)] = readPem(
    leafBelow(house.issuer),
    'CERTIFICATE',
  )
  const flip = (bytes: Buffer, bit: number): string => {
    const bent = Buffer.from(bytes)
    bent[bit >> 3] = (bent[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    return writePem(bent, 'CERTIFICATE')
  }
  it('in any bit of the leaf is refused', () => {
    fc.assert(
      fc.property(
        fc.nat(leaf.length * 8 - 1),
        (bit) => !validateChain(flip(leaf, bit) + house.issuer.pem, house.root.pem, now).ok,
      ),
      { numRuns: 3_000 },
    )
  })
  it('in any bit of the issuer is refused', () => {
    const good = house.leaf()
    fc.assert(
      fc.property(
        fc.nat(issuer.length * 8 - 1),
        (bit) => !validateChain(good + flip(issuer, bit), house.root.pem, now).ok,
      ),
      { numRuns: 3_000 },
    )
  })
})
