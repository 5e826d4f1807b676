import { randomUUID } from 'node:crypto'
import { NO_FLEET_STORE, type OpenFleetStore } from '@countersign/layers'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { until } from '@countersign/ground/testkit'
import { answering, FleetRedis, hasRedis } from '../testing/redis.ts'
import { type Holder, hash, holder, signProof } from './dpop-holder.fixture.ts'
import { OidcHouse, StaticIssuer } from './static-issuer.fixture.ts'

/* That a proof of DPoP is used once over all gateways (RFC 9449 section 11.1), whatever becomes of their store. */

let issuer: StaticIssuer
let owner: Holder
let token: string
beforeAll(async () => {
  issuer = await StaticIssuer.start()
})
afterAll(() => issuer[Symbol.asyncDispose]())
beforeEach(() => {
  owner = holder()
  token = ''
})

interface Came {
  readonly status: number | undefined
  /** What a refusal, or an answer, says that the next proof should have. */
  readonly nonce: string | undefined
  readonly challenge: string
}
/** A gateway with a store of its own way. */
class Gateway {
  readonly #house: OidcHouse
  constructor(fleet: OpenFleetStore) {
    this.#house = new OidcHouse(issuer, { fleet })
    if (token === '') token = this.#house.token({ cnf: { jkt: owner.jkt } })
  }
  proof(nonce?: string): string {
    return signProof(owner, {
      ...{ htm: 'GET', htu: 'https://gate.test:8443/orders', iat: this.#house.seconds },
      ...{ jti: randomUUID(), ath: hash(token), ...(nonce === undefined ? {} : { nonce }) },
    })
  }
  async take(proof: string): Promise<Came> {
    const headers = ['Host', 'gate.test:8443', 'Authorization', `DPoP ${token}`, 'DPoP', proof]
    const came = await this.#house.ask({ headers }, { proof_of_possession_dpop: 'strict' })
    const refused = came.refusal?.facts.headers ?? {}
    const nonce = refused['dpop-nonce'] ?? came.asked.answerHeaders.get('dpop-nonce')
    return { status: came.status, nonce, challenge: refused['www-authenticate'] ?? '' }
  }
  /** The nonce that it asks for. */
  async nonce(): Promise<string> {
    const { status, nonce = '', challenge } = await this.take(this.proof())
    expect([status, nonce === '']).toEqual([401, false])
    expect(challenge).toMatch(/^DPoP realm=.*error="use_dpop_nonce"/)
    return nonce
  }
}
const PASSED = { status: undefined, nonce: undefined, challenge: '' }

/** What two gateways do that cannot know what the other has taken. */
async function eachByItself(one: Gateway, other: Gateway): Promise<void> {
  const nonces = [await one.nonce(), await other.nonce()] as const
  expect(nonces[0]).not.toBe(nonces[1])
  const made = one.proof(nonces[0])
  expect(await one.take(made)).toEqual(PASSED)
  const again = await one.take(made)
  expect([again.status, again.challenge]).toEqual([
    401,
    expect.stringMatching('invalid_dpop_proof'),
  ])
  expect((await other.take(made)).status).toBe(401)
  expect(await other.take(other.proof(nonces[1]))).toEqual(PASSED)
  for (const nonce of ['any-gateway', 'gateway-', ''])
    expect((await one.take(one.proof(nonce))).status).toBe(401)
}

test('without a store each gateway takes proofs that are made for it', async () => {
  await eachByItself(new Gateway(NO_FLEET_STORE), new Gateway(NO_FLEET_STORE))
})

describe.skipIf(!hasRedis)('with a Redis', { timeout: 60_000 }, () => {
  let redis: FleetRedis
  let stores: readonly [OpenFleetStore, OpenFleetStore]
  let one: Gateway
  let other: Gateway
  beforeAll(async () => {
    redis = new FleetRedis()
    redis.start()
    stores = [await redis.open(), await redis.open()]
  })
  afterAll(() => redis[Symbol.asyncDispose]())
  beforeEach(async () => {
    await redis.age()
    one = new Gateway(stores[0])
    other = new Gateway(stores[1])
  })

  test('a proof is good once, of all times that it comes to both at one moment', async () => {
    const made = one.proof()
    const all = await Promise.all(
      Array.from({ length: 50 }, (_, i) => (i % 2 === 0 ? one : other).take(made)),
    )
    expect(all.filter(({ status }) => status === undefined)).toEqual([PASSED])
    expect(all.filter(({ status }) => status === 401)).toHaveLength(49)
    for (const gateway of [one, other]) expect(await gateway.take(gateway.proof())).toEqual(PASSED)
  })

  test('no proof is good twice when it is lost, comes back, and has forgotten', async () => {
    const [before, unused] = [one.proof(), other.proof()]
    expect(await one.take(before)).toEqual(PASSED)
    await redis.kill()
    for (const store of stores)
      await until(async () => (await store.get('any')) === 'away', 'the loss is seen', 20_000)
    expect((await one.take(before)).status).toBe(401)
    expect((await other.take(before)).status).toBe(401)
    expect((await other.take(unused)).status).toBe(401)
    await eachByItself(one, other)
    const meanwhile = one.proof(await one.nonce())
    expect(await one.take(meanwhile)).toEqual(PASSED)

    redis.start()
    for (const store of stores) await answering(store)
    for (const gateway of [one, other])
      for (const proof of [before, meanwhile]) expect((await gateway.take(proof)).status).toBe(401)
    // It is back, but young: what it does not know it may have forgotten.
    await eachByItself(one, other)

    const mine = await one.nonce()
    await redis.age()
    expect((await other.take(meanwhile)).status).toBe(401)
    // Who has made a proof for one gateway is told that any will do again.
    expect(await one.take(one.proof(mine))).toEqual({ ...PASSED, nonce: 'any-gateway' })
    const any = one.proof('any-gateway')
    expect(await other.take(any)).toEqual(PASSED)
    expect((await one.take(any)).status).toBe(401)
    expect(await other.take(other.proof(mine))).toMatchObject({ status: 401, nonce: 'any-gateway' })
  })
})
