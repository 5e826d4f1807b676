import { X509Certificate } from 'node:crypto'
import { until } from '@countersign/ground/testkit'
import { describe, expect, it, type TestContext } from 'vitest'
import { rotate, rotateUntilTaken, TestTown } from '../testing/town.ts'
import { idsIn, type TrustHost } from '../testing/trust-host.ts'

/** A town of this test alone: the tests run side by side, as most of each is waiting. */
async function makeTown(
  { onTestFinished }: TestContext,
  options: Parameters<typeof TestTown.make>[0],
): Promise<TestTown> {
  const town = await TestTown.make(options)
  onTestFinished(() => town.close())
  return town
}

const activeRoot = (host: TrustHost | undefined) =>
  host?.trust.state().roots.entries.find(({ state }) => state === 'active')?.id

/** For what only waits for a state: side by side on a busy machine all takes longer. */
const LONG_MS = 100_000

describe.concurrent('the schedule', { timeout: 150_000 }, () => {
  it('rotates intermediates and the root by itself, under workloads that never become strangers', async (test) => {
    // So old that the intermediates are in the last third of their lives, and the root will be in 45 s.
    const town = await makeTown(test, {
      authorities: 2,
      lifetimes: { rootMs: 600_000, intermediateMs: 500_000, leafMs: 60_000 },
      now: () => Date.now() - 355_000,
    })
    const hosts = await town.startAll()
    const first = activeRoot(hosts[0])
    const intermediates = new Set<string>()
    const strangers: string[] = []
    for (const instance of ['order-1', 'payment-1', 'user-1']) await town.join(instance)
    const look = setInterval(() => {
      strangers.push(...town.strangers())
      for (const { trust } of hosts)
        for (const { id, state } of trust.signers.all())
          if (state === 'active') intermediates.add(id)
    }, 100)
    const watched = async (check: () => boolean, what: string): Promise<void> =>
      until(check, what, LONG_MS).catch((error: unknown) => {
        clearInterval(look)
        throw error
      })
    await watched(() => intermediates.size >= 4, 'each has replaced its intermediate')
    town.aheadMs = 28_000
    await watched(
      () =>
        hosts.every(({ trust }) => {
          const ids = idsIn(trust.bundle())
          return ids.length === 1 && ids[0] !== first
        }),
      'the root has been replaced',
    )
    clearInterval(look)
    expect(strangers).toEqual([])
    // Each authority at least once before the root, and with it.
    expect(intermediates.size).toBeGreaterThanOrEqual(6)
    const steps = hosts.flatMap(({ trust }) => trust.history(50))
    expect(new Set(steps.map(({ actor }) => actor))).toEqual(new Set(['schedule']))
    // One authority moves the roots.
    expect(hosts[1]?.trust.history(50).filter(({ kind }) => kind === 'root')).toEqual([])
  })

  it('names what stands in its way, once, and goes on when that is gone', async (test) => {
    const town = await makeTown(test, {
      authorities: 1,
      lifetimes: { intermediateMs: 400_000, leafMs: 60_000 },
      now: () => Date.now() - 300_000,
    })
    const [host] = await town.startAll()
    if (host === undefined) throw new Error('one')
    await host.schedule.close()
    const order = await town.join('order-1')
    await until(
      async () => {
        await host.schedule.tick()
        return host.trust.history(1)[0]?.step === 'activate'
      },
      'it has activated',
      LONG_MS,
    )
    const before = host.trust.signers.all().length
    const retire = { kind: 'intermediate', step: 'retire', dryRun: true } as const
    await until(
      async () => (await rotate(host, retire)).blockers.length === 0,
      'order has renewed',
      LONG_MS,
    )
    town.registered = undefined
    for (let i = 0; i < 3; i++) await host.schedule.tick()
    const refused = host.events.filter(({ status }) => status === 'refused')
    expect(refused).toHaveLength(1)
    expect(refused[0]?.event.reason).toMatch(/^registry: the registry does not answer/)
    expect(await host.metrics.text()).toContain(
      'countersign_rotation_blockers{kind="intermediate",step="retire"} ',
    )
    expect(host.trust.signers.all()).toHaveLength(before)
    town.registered = [{ name: 'order', instance: 'order-1' }]
    await until(
      async () => {
        await host.schedule.tick()
        return host.trust.signers.all().length === 1
      },
      'it retires',
      LONG_MS,
    )
    expect(await host.metrics.text()).not.toMatch(/countersign_rotation_blockers\{kind="inter/)
    await until(
      () => order.leaf.issuer === host.trust.signers.active().id,
      'order has renewed',
      LONG_MS,
    )
  })

  it('does nothing where the operator rotates by hand, but to make what is missing', async (test) => {
    const town = await makeTown(test, {
      authorities: 1,
      lifetimes: { intermediateMs: 400_000, leafMs: 100_000 },
    })
    const [host] = await town.startAll({ rotation: 'manual' })
    if (host === undefined) throw new Error('one')
    await host.schedule.close()
    town.aheadMs = 400_000
    expect(throwsEnd(host)).toBe(true)
    for (let i = 0; i < 3; i++) await host.schedule.tick()
    expect(host.trust.history(5)).toEqual([])
    expect(() => host.trust.signers.active()).toThrow(/countersign cert rotate-intermediate/)
    for (const step of ['prepare', 'activate'] as const)
      await rotateUntilTaken(host, { kind: 'intermediate', step })
    expect(host.trust.signers.active()).toBeDefined()
  })

  it('replaces at once what has ended, where the platform was off for long', async (test) => {
    const intermediateMs = 400_000
    const town = await makeTown(test, {
      authorities: 1,
      lifetimes: { intermediateMs, leafMs: 100_000 },
      now: () => Date.now() - intermediateMs - 1,
    })
    const host = await town.start('authority-1')
    expect(host.trust.signers.active().span.notAfter).toBeGreaterThan(Date.now())
    expect(host.identity.current().notAfter.getTime()).toBeGreaterThan(Date.now())
  })

  it('never makes an intermediate under a root that is nearly ended, and says so', async (test) => {
    const leafMs = 10_000
    const short = { rootMs: 100_000, intermediateMs: 200_000, leafMs }
    const town = await makeTown(test, { authorities: 1, lifetimes: short })
    // It leaves less than a tenth of what the operator wants of an intermediate from now on.
    const lifetimes = { rootMs: 36_000_000, intermediateMs: 1_200_000, leafMs }
    const [host] = await town.startAll({ rotation: 'manual', lifetimes })
    if (host === undefined) throw new Error('one')
    const [root] = host.trust.state().roots.entries
    const end = new X509Certificate(root?.certificate ?? '').validToDate.getTime()
    expect(host.trust.signers.active().span.notAfter).toBe(end)
    const refused = await rotate(host, { kind: 'intermediate', step: 'prepare' })
    expect(refused).toMatchObject({ taken: false, blockers: [{ who: 'authority-1' }] })
    expect(refused.blockers[0]?.why).toMatch(/nearly ended.*countersign cert rotate-root/)
    // A new root puts that right.
    await rotateUntilTaken(host, { kind: 'root', step: 'prepare' })
    await rotateUntilTaken(host, { kind: 'root', step: 'activate' })
    expect(host.trust.signers.active().span.notAfter).toBeGreaterThan(end)
  })
})

function throwsEnd({ trust }: TrustHost): boolean {
  try {
    trust.signers.active()
    return false
  } catch (error) {
    return (error as { code?: string }).code === 'ISSUER_ENDS_SOON'
  }
}
