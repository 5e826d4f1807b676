import { connect as connectTls } from 'node:tls'
import { until } from '@countersign/ground/testkit'
import { createMemoryLimiter } from '@countersign/layers'
import { decider, NOTHING_NARROWED } from '@countersign/policy'
import { afterEach, describe, expect, test } from 'vitest'
import { openServer } from '../server/server.ts'
import { createTestRoot, factsOf } from '../testing/pki.ts'
import { createTestWorkload } from '../testing/workload.ts'
import { TestAuthorities } from './test-authorities.fixture.ts'

/* Authorities and a workload that follows them, over real mTLS. */
let authorities: TestAuthorities
const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
  await authorities.close()
})
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const HOUR = 3_600_000

describe('the first word', () => {
  test('says what we trust and show, and brings what was taken back', async () => {
    authorities = await TestAuthorities.open()
    authorities.trust.revoked = [{ serial: 'abc', until: Date.now() + HOUR }]
    const { follower, identity } = await authorities.follower()
    expect(await follower.firstWord(30_000)).toBe(true)
    const { serial, authorityKeyId, notAfter } = factsOf(identity.current().chain)
    expect(authorities.reports[0]).toMatchObject({
      ...{ instance: 'order-1', sequence: 1 },
      certificates: [{ serial, issuer: authorityKeyId, notAfter }],
    })
    expect(identity.revocations.refusalOf({ serial: 'abc', lineage: undefined })).toBe('REVOKED')
    expect(follower.status()).toMatchObject({ sequence: 1, stale: false, revoked: false })
  })
  test('is waited for no longer than is said', async () => {
    authorities = await TestAuthorities.open()
    authorities.before = () => sleep(60_000) as Promise<void>
    const { follower } = await authorities.follower()
    expect(await follower.firstWord(200)).toBe(false)
    expect(follower.status().stale).toBe(true)
  })
  test('comes from the other authority where one hangs', async () => {
    authorities = await TestAuthorities.open()
    authorities.before = async (i) => (i === 0 ? ((await sleep(60_000)) as undefined) : undefined)
    const { follower } = await authorities.follower()
    expect(await follower.firstWord(30_000)).toBe(true)
  })
})

/** A door of the workload that follows, with one open connection of `caller`. */
async function doorOf(identity: Parameters<typeof createTestWorkload>[1], caller: string) {
  const server = await openServer({
    workload: createTestWorkload('order', identity, {}),
    served: [],
    verifier: {
      verify: () => {
        throw new Error('no tokens here')
      },
    },
    limiter: createMemoryLimiter(),
    decide: decider(NOTHING_NARROWED),
    narrowing: NOTHING_NARROWED,
    listen: { host: '127.0.0.1', port: 0 },
  })
  closing.push(() => server.close())
  const open = async () => {
    const peer = await authorities.domain.identity(caller)
    const { key, chain } = peer.current()
    const socket = connectTls({
      ...{ port: server.port, host: '127.0.0.1', key, cert: chain, ca: peer.bundle() },
      ...{ ALPNProtocols: ['http/1.1'], checkServerIdentity: () => undefined },
    })
    closing.unshift(() => socket.destroy())
    await new Promise((resolve) => socket.once('session', resolve))
    const closed = new Promise<number>((resolve) =>
      socket.once('close', () => resolve(performance.now())),
    )
    return { closed, serial: factsOf(chain).serial }
  }
  return { open }
}

test('what is taken back is cut off at the doors when the authority knows, not at the next question', async () => {
  authorities = await TestAuthorities.open()
  const { follower, identity } = await authorities.follower()
  await follower.first
  const door = await doorOf(identity, 'payment')
  const tookMs: number[] = []
  for (let i = 0; i < 20; i++) {
    const { closed, serial } = await door.open()
    const began = performance.now()
    authorities.change(({ revoked }) => void revoked.push({ serial, until: Date.now() + HOUR }))
    tookMs.push((await closed) - began)
  }
  tookMs.sort((a, b) => a - b)
  console.info(
    `revocation to cut: p50 ${tookMs[10]?.toFixed(1)} ms, max ${tookMs[19]?.toFixed(1)} ms`,
  )
  // Who waits for the next question waits longer than this test may take. How quick it is on a quiet machine is measured by `npm run long:revocations`.
}, 60_000)

test('when the authority in use ends, the next one is asked at once, and nothing is missed', async () => {
  authorities = await TestAuthorities.open()
  const { follower, identity } = await authorities.follower()
  await follower.first
  await until(() => authorities.reports.length === 2, 'a long poll')
  const used = authorities.reports[1]?.at ?? 0
  await authorities.stop(used)
  authorities.change(
    ({ revoked }) => void revoked.push({ lineage: 'def', until: Date.now() + HOUR }),
  )
  await until(
    () => identity.revocations.refusalOf({ serial: '1', lineage: 'def' }) === 'REVOKED',
    'the news',
  )
  await until(() => !follower.status().stale, 'no longer stale')
  // And back again.
  await authorities.start(used)
  await authorities.stop(1 - used)
  authorities.change(
    ({ revoked }) => void revoked.push({ serial: '123', until: Date.now() + HOUR }),
  )
  await until(
    () => identity.revocations.refusalOf({ serial: '123', lineage: undefined }) === 'REVOKED',
    'the news of the other',
  )
})

describe('a bundle', () => {
  test('that is newer is believed, and that is reported at once', async () => {
    authorities = await TestAuthorities.open()
    const { follower, identity } = await authorities.follower()
    await follower.first
    let heard = 0
    identity.onChange(() => heard++)
    const next = await createTestRoot('next')
    authorities.change((trust) => {
      trust.roots.push(next)
      trust.sequence = 2
    })
    await until(() => authorities.reports.at(-1)?.sequence === 2, 'the evidence')
    expect(identity.bundle()).toContain(next.bundle)
    expect(heard).toBe(1)
  })
  test('that is older is not, whoever says it', async () => {
    authorities = await TestAuthorities.open()
    authorities.trust.sequence = 5
    const { follower, identity } = await authorities.follower()
    await follower.first
    const next = await createTestRoot('next')
    const before = identity.bundle()
    const good = authorities.word
    authorities.word = (i) => ({ ...good(i), sequence: 4, bundle: next.bundle })
    authorities.change(
      ({ revoked }) => void revoked.push({ serial: 'fff', until: Date.now() + HOUR }),
    )
    // What was taken back counts all the same.
    await until(
      () => identity.revocations.refusalOf({ serial: 'fff', lineage: undefined }) === 'REVOKED',
      'the rest of the word',
    )
    expect([identity.sequence, identity.bundle()]).toEqual([5, before])
  })
  test.each([
    ['a root of another trust domain', async () => foreignRoot()],
    ['a certificate that is no CA', async () => (await leaf()).chain],
    ['no certificate at all', async () => ''],
    ['nonsense', async () => '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'],
  ])('with %s is not believed, and the other authority is asked', async (_, make) => {
    authorities = await TestAuthorities.open()
    const bad = await make()
    const good = authorities.word
    const { follower, identity } = await authorities.follower()
    await follower.first
    await until(() => authorities.reports.length === 2, 'a long poll')
    const used = authorities.reports[1]?.at ?? 0
    authorities.word = (i) =>
      i === used ? { ...good(i), sequence: 9, bundle: `${good(i).bundle}${bad}` } : good(i)
    if (bad === '')
      authorities.word = (i) => (i === used ? { ...good(i), sequence: 9, bundle: '' } : good(i))
    authorities.change(() => undefined)
    await until(() => authorities.reports.at(-1)?.at === 1 - used, 'the other one is asked')
    expect(identity.sequence).toBe(1)
    await until(() => !follower.status().stale, 'its word is taken')
  })
})

const leaf = async () => (await authorities.domain.identity('payment')).current()
async function foreignRoot(): Promise<string> {
  const { createRoot, generateKeyPair } = await import('@countersign/ground/x509')
  const { spiffeId } = await import('@countersign/ground/spiffe')
  const span = { notBefore: Date.now() - HOUR, notAfter: Date.now() + HOUR }
  const keys = await generateKeyPair()
  const common = { commonName: 'alike', keys, span, pathLength: 1 }
  return createRoot({ trustDomainId: spiffeId('other.local'), ...common })
}

describe('a certificate', () => {
  test('whose issuer signs no more is renewed soon, and the new one is reported at once', async () => {
    authorities = await TestAuthorities.open()
    authorities.trust.lifeMs = 10_000
    const { follower, identity } = await authorities.follower()
    await follower.first
    const next = await createTestRoot('next')
    authorities.change((trust) => {
      trust.roots.push(next)
      trust.sequence = 2
    })
    await until(() => authorities.reports.at(-1)?.sequence === 2, 'the evidence')
    const before = identity.current().serial
    authorities.change((trust) => {
      trust.signer = next
      trust.issuers = [next.issuer]
    })
    await until(() => identity.current().serial !== before, 'a renewal')
    await until(
      () => authorities.reports.at(-1)?.certificates[0]?.issuer === next.issuer,
      'the evidence of it',
    )
    expect(authorities.renewals).toBe(1)
  })
  test('that the authorities go on not to like is not renewed without end', async () => {
    authorities = await TestAuthorities.open()
    const { follower, identity } = await authorities.follower()
    await follower.first
    authorities.trust.lifeMs = 10_000
    const original = identity.renewNow.bind(identity)
    const delays: number[] = []
    identity.renewNow = (delayMs = 0) => {
      delays.push(delayMs)
      original(Math.min(delayMs, 5))
    }
    authorities.change((trust) => {
      trust.issuers = ['0'.repeat(40)]
    })
    await until(() => delays.length >= 5, 'some attempts')
    expect(delays[0]).toBeLessThan(10_000)
    for (const delay of delays.slice(1)) expect(delay).toBeGreaterThanOrEqual(2_500)
  })
  test('of our own that was taken back is told of once', async () => {
    authorities = await TestAuthorities.open()
    let told = 0
    const { follower, identity } = await authorities.follower({ onRevoked: () => told++ })
    await follower.first
    const { lineage = '' } = factsOf(identity.current().chain)
    authorities.change(({ revoked }) => void revoked.push({ lineage, until: Date.now() + HOUR }))
    await until(() => told === 1, 'the news')
    authorities.change(
      ({ revoked }) => void revoked.push({ serial: '1', until: Date.now() + HOUR }),
    )
    await sleep(200)
    expect([told, follower.status().revoked]).toEqual([1, true])
  })
  test('of our name that nobody reports is told of once, and a young one not yet', async () => {
    authorities = await TestAuthorities.open()
    const { follower } = await authorities.follower()
    const old = { serial: 'abc', lineage: 'abc', issuedAt: Date.now() - 60_000 }
    const young = { serial: 'def', lineage: 'def', issuedAt: Date.now() }
    authorities.change((trust) => {
      trust.unclaimed = [old, young]
    })
    await follower.first
    const told: string[] = []
    follower.onUnrequested(({ serial }) => void told.push(serial))
    await until(() => told.length === 1, 'the news')
    authorities.change(() => undefined)
    await sleep(200)
    expect(told).toEqual(['abc'])
  })
  test('that is shown beside the own one is reported', async () => {
    authorities = await TestAuthorities.open()
    const { follower } = await authorities.follower()
    await follower.first
    const also = { serial: 'abc', issuer: 'a'.repeat(40), notAfter: Date.now() + HOUR }
    const stop = follower.alsoShown(() => [also])
    await until(() => authorities.reports.at(-1)?.certificates.length === 2, 'both')
    expect(authorities.reports.at(-1)?.certificates[1]).toEqual(also)
    stop()
    follower.say()
    await until(() => authorities.reports.at(-1)?.certificates.length === 1, 'the own one')
  })
})

describe('while the authorities are away', () => {
  test('the last word counts to its end; then nobody is believed, until one of them is back', async () => {
    authorities = await TestAuthorities.open()
    const end = Date.now() + 5_000
    authorities.trust.nextUpdate = () => end
    const { follower, identity, metrics } = await authorities.follower()
    await follower.first
    const peer = { serial: '1', lineage: undefined }
    let told = 0
    identity.revocations.onChange(() => told++)
    await authorities.stop(0)
    await authorities.stop(1)
    await until(() => follower.status().stale, 'the state is shown')
    expect(await metrics.text()).toMatch(/^countersign_trust_stale 1$/m)
    const refusal = identity.revocations.refusalOf(peer)
    // A busy machine may be so late that the list has ended.
    if (Date.now() < end) expect(refusal).toBeUndefined()
    await until(() => told === 1, 'the end of the list')
    expect(Date.now()).toBeGreaterThanOrEqual(end)
    expect(identity.revocations.refusalOf(peer)).toBe('LIST_TOO_OLD')
    authorities.trust.nextUpdate = () => Date.now() + HOUR
    await authorities.start(1)
    await until(() => identity.revocations.refusalOf(peer) === undefined, 'a new list')
    expect(follower.status().stale).toBe(false)
  })
  test('they are not asked in a circle, and soon after they are back they are heard', async () => {
    authorities = await TestAuthorities.open()
    const { follower } = await authorities.follower()
    await follower.first
    let asked = 0
    authorities.before = async () => {
      asked++
      throw new Error('no sense')
    }
    authorities.change(() => undefined)
    await sleep(2_000)
    expect(asked).toBeLessThan(20)
    await until(() => asked > 2, 'they are asked again')
    authorities.before = async () => undefined
    await until(() => !follower.status().stale, 'heard again')
  })
  test('an authority that answers at once without news is asked a few times a second', async () => {
    authorities = await TestAuthorities.open(1)
    const good = authorities.word
    let revision = 0
    authorities.word = (i) => ({ ...good(i), revision: `same-${revision}` })
    const { follower } = await authorities.follower()
    await follower.first
    // Each answer is another revision for the one who waits, and the same for the one who is told.
    authorities.word = (i) => ({ ...good(i), revision: String(revision++ % 2 === 0 ? 'a' : 'b') })
    const before = authorities.reports.length
    await sleep(1_000)
    expect(authorities.reports.length - before).toBeLessThan(60)
  })
})

describe('on close', () => {
  test('it says that it leaves', async () => {
    authorities = await TestAuthorities.open()
    const { follower, close } = await authorities.follower()
    await follower.first
    await close()
    expect(authorities.reports.at(-1)?.leaving).toBe(true)
  })
  test('it does not wait for an authority that hangs', async () => {
    authorities = await TestAuthorities.open()
    const { follower } = await authorities.follower()
    await follower.first
    authorities.before = () => sleep(60_000) as Promise<void>
    await follower.close()
  })
})
