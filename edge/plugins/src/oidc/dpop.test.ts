import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Given } from '../testing/exchange.ts'
import { type Holder, hash, holder, signProof } from './dpop-holder.fixture.ts'
import { OidcHouse, StaticIssuer } from './static-issuer.fixture.ts'
import { SeenProofs } from './seen-proofs.ts'

/* DPoP (RFC 9449), with proofs made by other code than checks them. */

let issuer: StaticIssuer
let house: OidcHouse
let owner: Holder
let token: string
beforeAll(async () => {
  issuer = await StaticIssuer.start()
})
afterAll(() => issuer[Symbol.asyncDispose]())
beforeEach(() => {
  house = new OidcHouse(issuer)
  owner = holder()
  token = house.token({ cnf: { jkt: owner.jkt } })
})

interface Wanted {
  readonly by?: Holder
  readonly head?: Record<string, unknown>
  readonly claims?: Record<string, unknown>
  readonly signedBy?: Holder
}
function proof({ by = owner, head = {}, claims = {}, signedBy = by }: Wanted = {}): string {
  const all = {
    ...{ htm: 'GET', htu: 'https://gate.test:8443/orders', iat: house.seconds },
    ...{ jti: randomUUID(), ath: hash(token), ...claims },
  }
  return signProof(by, all, { head, signedBy })
}
const sent = (made: string, more: Partial<Given> = {}): Given => ({
  headers: ['Host', 'gate.test:8443', 'Authorization', `DPoP ${token}`, 'DPoP', made],
  ...more,
})
const ask = (given: Given, mode = 'optional') =>
  house.ask(given, { proof_of_possession_dpop: mode })

describe('a token that is bound to a key', () => {
  test('is good with a proof of it, once', async () => {
    const made = proof()
    const { asked, status } = await ask(sent(made, { query: 'a=1' }))
    expect([status, asked.credentialId]).toEqual([undefined, `${issuer.issuer}#anna`])
    expect((await ask(sent(made))).status).toBe(401)
    expect((await ask(sent(proof()))).status).toBeUndefined()
    expect((await ask(sent(proof({ claims: { iat: house.seconds - 60 } })))).status).toBeUndefined()
  })

  test.each<[string, () => Given]>([
    ['no proof', () => ({ headers: sent('').headers?.slice(0, 4) ?? [] })],
    ['two', () => ({ headers: [...(sent(proof()).headers ?? []), 'DPoP', proof()] })],
    [
      'one as a bearer token',
      () =>
        sent(proof(), {
          headers: ['Host', 'gate.test:8443', 'Authorization', `Bearer ${token}`, 'DPoP', proof()],
        }),
    ],
    ['nonsense', () => sent('nonsense')],
    ['a key of somebody else', () => sent(proof({ by: holder() }))],
    ['a signature of somebody else', () => sent(proof({ signedBy: holder() }))],
    ['another type', () => sent(proof({ head: { typ: 'JWT' } }))],
    ['a secret for a key', () => sent(proof({ head: { alg: 'HS256' } }))],
    ['no algorithm', () => sent(proof({ head: { alg: 'none' } }))],
    [
      'a private key in it',
      () => sent(proof({ head: { jwk: owner.privateKey.export({ format: 'jwk' }) } })),
    ],
    ['no key', () => sent(proof({ head: { jwk: undefined } }))],
    ['another method', () => sent(proof({ claims: { htm: 'POST' } }))],
    ['another host', () => sent(proof({ claims: { htu: 'https://evil.test:8443/orders' } }))],
    ['another port', () => sent(proof({ claims: { htu: 'https://gate.test/orders' } }))],
    ['no TLS', () => sent(proof({ claims: { htu: 'http://gate.test:8443/orders' } }))],
    ['another path', () => sent(proof({ claims: { htu: 'https://gate.test:8443/orders/1' } }))],
    ['no address', () => sent(proof({ claims: { htu: 1 } }))],
    ['another token', () => sent(proof({ claims: { ath: hash('x') } }))],
    ['no token', () => sent(proof({ claims: { ath: undefined } }))],
    ['no id', () => sent(proof({ claims: { jti: undefined } }))],
    ['an old one', () => sent(proof({ claims: { iat: house.seconds - 62 } }))],
    ['one of the future', () => sent(proof({ claims: { iat: house.seconds + 62 } }))],
    ['no time', () => sent(proof({ claims: { iat: 'now' } }))],
  ])('is refused with %s', async (_, given) => {
    const { status, refusal } = await ask(given())
    expect(status).toBe(401)
    expect(refusal?.facts.headers?.['www-authenticate']).toMatch(/^DPoP realm=.*algs="[^"]*ES256/)
  })

  test('is refused where proofs are not looked at', async () => {
    expect((await ask(sent(proof()), 'off')).status).toBe(401)
    const headers = ['Authorization', `Bearer ${token}`]
    expect((await ask({ headers }, 'off')).status).toBe(401)
  })
})

test('a token that is bound to nothing is good as a bearer token, and with strict not at all', async () => {
  token = house.token()
  const headers = ['Authorization', `Bearer ${token}`]
  expect((await ask({ headers })).status).toBeUndefined()
  expect((await ask({ headers }, 'strict')).status).toBe(401)
  expect((await ask(sent(proof()))).status).toBe(401)
})

test('two tokens of two kinds are one too many', async () => {
  const given = sent(proof())
  const headers = [...(given.headers ?? []), 'Authorization', `Bearer ${house.token()}`]
  expect((await ask({ headers })).status).toBe(401)
})

test('used proofs are remembered for as long as they are good, and no more of them than there is room', () => {
  const seen = new SeenProofs(0, 1_000, 2)
  expect([seen.use('a', 0), seen.use('a', 999), seen.use('b', 999)]).toEqual([
    'first',
    'seen',
    'first',
  ])
  expect(seen.use('c', 999)).toBe('full')
  expect([seen.use('b', 1_998), seen.use('c', 1_998)]).toEqual(['seen', 'first'])
  expect([seen.use('b', 2_998), seen.use('c', 2_998)]).toEqual(['first', 'seen'])
  expect(seen.use('c', 9_000)).toBe('first')
})
