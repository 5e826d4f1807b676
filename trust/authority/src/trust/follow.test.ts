import type { TrustWord } from '@countersign/contract/platform'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { SimWorkload } from '../testing/sim-workload.ts'
import { rotateUntilTaken, TestTown } from '../testing/town.ts'
import type { TrustHost } from '../testing/trust-host.ts'

vi.setConfig({ testTimeout: 90_000 })

let town: TestTown
let first: TrustHost
let second: TrustHost
beforeEach(async () => {
  town = await TestTown.make({ authorities: 2 })
  const [a, b] = await town.startAll()
  if (a === undefined || b === undefined) throw new Error('two')
  first = a
  second = b
})
afterEach(() => town.close())

describe('following', () => {
  it('answers at once who knows less, and else waits for a change', async () => {
    const order = await SimWorkload.join('order-1', [first])
    const word = await order.follow(1)
    expect(word).toMatchObject({ sequence: 1, revoked: [], unclaimed: [] })
    expect(word.issuers.toSorted()).toEqual(
      [first, second].map(({ trust }) => trust.signers.active().id).toSorted(),
    )
    expect(word.nextUpdate).toBeGreaterThan(Date.now() + 86_390_000)
    const began = performance.now()
    const waiting = order.follow(10)
    await revoke(300)
    const news = await waiting
    expect(news.revoked).toEqual([{ serial: 'ab12', until: 4_102_444_800_000 }])
    expect(news.revision).not.toBe(word.revision)
    expect(performance.now() - began).toBeGreaterThan(250)
    const same = performance.now()
    expect((await order.follow(1)).revision).toBe(news.revision)
    expect(performance.now() - same).toBeGreaterThan(900)
  })

  it('says the same at every authority that knows the same', async () => {
    const order = await SimWorkload.join('order-1', [first])
    const [one, two] = [await order.follow(), await at(order, second)]
    expect({ ...one, nextUpdate: 0 }).toEqual({ ...two, nextUpdate: 0 })
  })

  it('takes the name from the certificate, and the lineage with it', async () => {
    const order = await SimWorkload.join('order-7', [first])
    await order.follow()
    const report = first.evidence.reports().find(({ instance }) => instance === 'order-7')
    expect(report).toMatchObject({ name: 'order', sequence: 1, lineage: order.leaf.lineage })
    // It is on record that somebody shows this certificate.
    expect(first.authority.issued.find(order.leaf.serial)?.claimedBy).toBe('order-7')
  })

  it('tells an owner of certificates that nobody claims', async () => {
    const stolen = await SimWorkload.join('order-9', [first])
    const order = await SimWorkload.join('order-1', [first])
    const other = await SimWorkload.join('payment-1', [first])
    const word = await order.follow()
    expect(word.unclaimed).toEqual([])
    // Half a minute later nobody has said that he shows it.
    town.aheadMs = 31_000
    const later = await order.follow()
    expect(later.unclaimed.map(({ serial }) => serial)).toEqual([stolen.leaf.serial])
    expect(later.revision).not.toBe(word.revision)
    expect(later.revision.length).toBeLessThanOrEqual(64)
    expect((await other.follow()).unclaimed).toEqual([])
    first.revoked.add({ serial: stolen.leaf.serial, until: 4_102_444_800_000 })
    expect((await order.follow()).unclaimed).toEqual([])
  })

  it('counts no more whoever says that he leaves', async () => {
    const order = await SimWorkload.join('order-1', [first])
    await order.follow()
    await rotateUntilTaken(first, { kind: 'root', step: 'prepare' })
    const ask = { kind: 'root', step: 'activate', dryRun: true } as const
    const blocked = await first.rotation.rotate(ask, { actor: 'desk' })
    expect(blocked.blockers.map(({ who }) => who)).toEqual(['order-1'])
    await order.follow(0, true)
    expect((await first.rotation.rotate(ask, { actor: 'desk' })).blockers).toEqual([])
  })

  it('wakes a thousand in the same moment', async () => {
    const order = await SimWorkload.join('order-1', [first])
    await order.follow()
    const { revision } = await order.follow()
    const wait = waiter(revision)
    const waiting = Array.from({ length: 1_000 }, (_, i) => wait(i))
    await new Promise((resolve) => setTimeout(resolve, 50))
    first.revoked.add({ serial: 'ab12', until: 4_102_444_800_000 })
    const words = await Promise.all(waiting)
    expect(new Set(words.map((word) => word.revision)).size).toBe(1)
    expect(words[0]?.revoked).toHaveLength(1)
  })
})

async function revoke(afterMs: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, afterMs))
  first.revoked.add({ serial: 'ab12', until: 4_102_444_800_000 })
}

async function at(order: SimWorkload, host: TrustHost): Promise<TrustWord> {
  order.hosts.splice(0, 1, host)
  return order.follow()
}

/** Requests of many instances, at the handler: a thousand connections would only measure themselves. */
function waiter(revision: string) {
  const follow = first.handlers.follow as (input: object) => Promise<TrustWord>
  const permit = { caller: 'order' }
  return (i: number) => {
    const certificates = [
      { serial: (i + 1).toString(16), issuer: 'a'.repeat(40), notAfter: Date.now() + 60_000 },
    ]
    const report = { instance: `order-${i + 100}`, sequence: 1, certificates }
    return follow({ body: { report, revision, waitSeconds: 20 }, permit })
  }
}
