import { temporaryFolder } from '@countersign/ground/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Shares } from './challenge/shares.ts'
import { RateBuckets } from './domain/bucket.ts'
import { VALIDATIONS_PER_ACCOUNT_MAX, VALIDATIONS_WAITING_MAX } from './limits.ts'
import { type AcmeHost, type AcmeHostOptions, startAcme } from './testing/acme-host.ts'
import { AcmeSession, type Answer, answerAll, obtain, prove } from './testing/acme-session.ts'

/* RFC 8555, 6.6: too much is refused with the time after which there is room again. */
let folder: ReturnType<typeof temporaryFolder>
let host: AcmeHost | undefined
beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(async () => {
  await host?.close()
  host = undefined
  folder[Symbol.dispose]()
})

async function start(options: Partial<AcmeHostOptions>): Promise<[AcmeHost, AcmeSession]> {
  host = await startAcme({ folder: folder.path, ...options })
  const session = new AcmeSession(host)
  await session.register()
  return [host, session]
}

function isLimited({ status, body, headers }: Answer): boolean {
  const named = body.type === 'urn:ietf:params:acme:error:rateLimited'
  return status === 429 && named && Number(headers['retry-after']) >= 1
}

describe('too many', () => {
  it('orders of an account are refused, in parallel too, and nobody else is', async () => {
    const [at, session] = await start({ rates: { ordersPerAccountAndHour: 3 } })
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, i) => session.order(`${i}.acme.test`)),
    )
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(3)
    expect(answers.filter(isLimited)).toHaveLength(5)
    const other = new AcmeSession(at)
    await other.register()
    expect((await other.order('a.acme.test')).status).toBe(201)
  })

  it('unfinished orders are refused', async () => {
    const [, session] = await start({ rates: { openOrdersPerAccount: 1 } })
    const order = await session.order('a.acme.test')
    expect(order.status).toBe(201)
    expect(isLimited(await session.order('b.acme.test'))).toBe(true)
    await session.post(order.body.authorizations[0], { status: 'deactivated' })
    expect((await session.order('b.acme.test')).status).toBe(201)
  })

  it('certificates of a name are refused to every account', async () => {
    const [at, session] = await start({ rates: { certificatesPerNameAndDay: 2 } })
    const other = new AcmeSession(at)
    await other.register()
    const web = await answerAll(at, [session, other])
    await obtain(session, 'a.acme.test')
    await obtain(session, 'a.acme.test', 'b.acme.test')
    const refused = await other.order('a.acme.test')
    expect(isLimited(refused)).toBe(true)
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(86_000)
    expect((await other.order('b.acme.test')).status).toBe(201)
    web.close()
  })

  it('failed validations of a name are refused', async () => {
    const [at, session] = await start({ rates: { failedValidationsPerNameAndHour: 2 } })
    at.dns.set('a.acme.test', { a: ['10.0.0.1'] })
    for (let i = 0; i < 2; i++) await prove(session, await session.order('a.acme.test'))
    expect(isLimited(await session.order('a.acme.test'))).toBe(true)
    expect((await session.order('b.acme.test')).status).toBe(201)
  })

  it('requests of a key are refused', async () => {
    const [, session] = await start({ rates: { requestsPerKey: { burst: 4, perSecond: 0.01 } } })
    const answers: Answer[] = []
    for (let i = 0; i < 6; i++) answers.push(await session.post(String(session.kid)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(3)
    expect(answers.filter(isLimited)).toHaveLength(3)
  })
})

describe('places for validations', () => {
  it('are bounded for an account, and in all', () => {
    const shares = new Shares()
    const mine = Array.from({ length: VALIDATIONS_PER_ACCOUNT_MAX }, () => shares.take('a'))
    expect(() => shares.take('a')).toThrow('of the account')
    for (let i = mine.length; i < VALIDATIONS_WAITING_MAX; i++) shares.take(`other ${i}`)
    expect(() => shares.take('b')).toThrow('too many challenges are being')
    const [first] = mine
    first?.()
    first?.()
    shares.take('a')
    expect(() => shares.take('b')).toThrow('too many challenges are being')
  })
})

describe('a bucket', () => {
  it('fills again with time, and says how long that takes', () => {
    const buckets = new RateBuckets({ burst: 2, perSecond: 0.5 })
    expect([buckets.take('a', 0), buckets.take('a', 0), buckets.take('a', 0)]).toEqual([0, 0, 2])
    expect(buckets.take('a', 1_000)).toBe(1)
    expect(buckets.take('a', 2_000)).toBe(0)
    // A clock that goes back gives nothing.
    expect(buckets.take('a', 0)).toBe(2)
  })

  it('is one of a bounded number', () => {
    const buckets = new RateBuckets({ burst: 1, perSecond: 0.001 })
    for (let i = 0; i < 5_000; i++) buckets.take(`key ${i}`, 0)
    expect(buckets.take('key 4999', 0)).toBeGreaterThan(0)
    expect(buckets.take('key 0', 0)).toBe(0)
  })
})
