import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { until as untilWithin } from '@countersign/ground/testkit'
import { describe, expect, it, type TestContext } from 'vitest'
import { idsIn, type TrustHost } from '../testing/trust-host.ts'
import { rotate, rotateUntilTaken, TestTown } from '../testing/town.ts'

const rootsOf = (host: TrustHost) =>
  host.trust.state().roots.entries.map(({ id, state }) => `${id.slice(0, 6)} ${state}`)
const stages = (host: TrustHost) => host.trust.state().roots.entries.map(({ state }) => state)
const who = ({ blockers }: { blockers: readonly { who: string }[] }) =>
  blockers.map((each) => each.who)

/** Side by side on a busy machine all takes longer. */
const until = (check: Parameters<typeof untilWithin>[0], what: string) =>
  untilWithin(check, what, 60_000)

/** A town of this test alone: the tests run side by side, as most of each is waiting. */
async function started({ onTestFinished }: TestContext) {
  const town = await TestTown.make()
  onTestFinished(() => town.close())
  const hosts = await town.startAll()
  for (const instance of ['order-1', 'order-2', 'payment-1', 'user-1']) {
    // Each asks another authority first.
    await town.join(instance, [...hosts.slice(town.workloads.length % 3), ...hosts])
  }
  const [first, second, third] = hosts
  if (first === undefined || second === undefined || third === undefined) throw new Error('three')
  return { town, hosts, first, second, third }
}

describe.concurrent('a rotation of the root', { timeout: 150_000 }, () => {
  it('goes through with everybody following, and nobody is a stranger to anybody on the way', async (test) => {
    const { town, first, second, third, hosts } = await started(test)
    const [before] = idsIn(first.trust.bundle())
    const watching = watchStrangers(town)
    expect(await rotate(first, { kind: 'root', step: 'prepare' })).toMatchObject({ taken: true })
    await until(() => hosts.every((host) => stages(host).join() === 'active,next'), 'all prepared')
    for (const host of hosts) expect(host.trust.signers.all()).toHaveLength(2)
    expect(readFileSync(join(town.folder, 'bundle.pem'), 'utf8')).toBe(first.trust.bundle())
    expect(idsIn(first.trust.bundle())).toHaveLength(2)
    // Each step is asked of another authority.
    await rotateUntilTaken(second, { kind: 'root', step: 'activate' })
    await until(() => hosts.every((host) => stages(host).join() === 'old,active'), 'all activated')
    const next = second.trust.state().roots.entries.find(({ state }) => state === 'active')
    for (const host of hosts) expect(host.trust.signers.active().root).toBe(next?.id)
    expect(next?.cross).toMatch(/BEGIN CERTIFICATE/)
    await rotateUntilTaken(third, { kind: 'root', step: 'retire' })
    await until(() => hosts.every((host) => stages(host).join() === 'active'), 'all retired')
    await watching.stop()
    expect(watching.seen).toEqual([])
    await until(
      () => town.workloads.every(({ bundle }) => idsIn(bundle).join() === next?.id),
      'told',
    )
    expect(before).not.toBe(next?.id)
    // The keys of what is gone are destroyed.
    expect(readdirSync(join(town.folder, 'roots'))).toEqual([`${next?.id}.json`])
    for (const host of hosts) {
      const files = readdirSync(join(town.folder, host.instance, 'signers'))
      expect(files).toEqual([`${host.trust.signers.active().id}.json`])
    }
    expect(readFileSync(join(town.folder, 'bundle.pem'), 'utf8')).toBe(next?.certificate)
    expect(new Set(hosts.map(({ trust }) => trust.revision())).size).toBe(1)
    const audited = hosts.flatMap(({ events }) =>
      events.map(({ action, status }) => `${action} ${status}`),
    )
    expect(audited.filter((each) => each === 'trust.rotate success')).toHaveLength(3)
  })

  it('is blocked by one that sleeps, which is named, and goes on when it is back', async (test) => {
    const { town, first } = await started(test)
    const sleeper = town.workloads[2]
    await sleeper?.sleep()
    await rotate(first, { kind: 'root', step: 'prepare' })
    await until(
      async () => who(await rotate(first, { kind: 'root', step: 'activate' })).length === 1,
      'the others follow',
    )
    const refused = await rotate(first, { kind: 'root', step: 'activate' })
    expect(refused).toMatchObject({ taken: false, done: false, blockers: [{ who: 'payment-1' }] })
    expect(refused.blockers[0]?.why).toMatch(/trusts bundle 1; the step needs bundle 2/)
    expect(first.events.at(-1)).toMatchObject({ action: 'trust.rotate', status: 'refused' })
    sleeper?.wakeUp()
    await rotateUntilTaken(first, { kind: 'root', step: 'activate' })
    await sleeper?.sleep()
    sleeper?.wakeUp()
    await rotateUntilTaken(first, { kind: 'root', step: 'retire' })
    expect(town.strangers()).toEqual([])
  })

  it('is not retired while one that sleeps shows a certificate of before', async (test) => {
    const { town, first } = await started(test)
    await rotate(first, { kind: 'root', step: 'prepare' })
    const sleeper = town.workloads[1]
    await until(() => sleeper?.word?.sequence === 2, 'it trusts the new root')
    await until(
      async () =>
        who(await rotate(first, { kind: 'root', step: 'activate', dryRun: true })).length === 0,
      'all do',
    )
    await sleeper?.sleep()
    await rotateUntilTaken(first, { kind: 'root', step: 'activate' })
    await until(
      async () => who(await rotate(first, { kind: 'root', step: 'retire' })).length === 1,
      'the others renew',
    )
    const refused = await rotate(first, { kind: 'root', step: 'retire' })
    expect(refused.blockers).toMatchObject([{ who: 'order-2', serial: sleeper?.leaf.serial }])
    expect(refused.blockers[0]?.until).toBe(sleeper?.leaf.notAfter)
    const early = await rotate(first, { kind: 'root', step: 'prepare' })
    expect(early.blockers[0]?.why).toMatch(/cert rotate-root --step retire, or --step rollback/)
    sleeper?.wakeUp()
    await rotateUntilTaken(first, { kind: 'root', step: 'retire' })
    expect(town.strangers()).toEqual([])
  })

  it('does not wait for somebody whose certificate was taken back', async (test) => {
    const { town, first, hosts } = await started(test)
    const stolen = town.workloads[3]
    await stolen?.sleep()
    town.registered = town.registered?.filter(({ instance }) => instance !== stolen?.instance)
    await rotate(first, { kind: 'root', step: 'prepare' })
    const activate = { kind: 'root', step: 'activate' } as const
    await until(async () => who(await rotate(first, activate)).join() === 'user-1', 'one is left')
    const { lineage = '' } = stolen?.leaf ?? {}
    for (const { revoked } of hosts) revoked.add({ lineage, until: Date.now() + 3_600_000 })
    await rotateUntilTaken(first, activate)
    await rotateUntilTaken(first, { kind: 'root', step: 'retire' })
  })

  it('is not retired while an authority that the registry reaches cannot be heard', async (test) => {
    const { town, first, second, third } = await started(test)
    town.registered?.push({ name: 'authority', instance: 'authority-3', passing: true })
    await rotateUntilTaken(first, { kind: 'root', step: 'prepare' })
    const look = { kind: 'root', step: 'activate', dryRun: true } as const
    await until(async () => who(await rotate(first, look)).length === 0, 'all trust it')
    await third.schedule.close()
    for (const other of ['authority-1', 'authority-2']) {
      town.cut.add(`authority-3 ${other}`)
      town.cut.add(`${other} authority-3`)
    }
    for (const { hosts } of town.workloads) hosts.splice(0, hosts.length, first, second)
    const isUp = () => first.peers.up().some(({ instance }) => instance === third.instance)
    await until(() => !isUp(), 'it is seen to be away')
    await rotateUntilTaken(first, { kind: 'root', step: 'activate' })
    const retire = { kind: 'root', step: 'retire' } as const
    await until(
      async () => who(await rotate(second, retire)).join() === 'authority-3',
      'all others follow',
    )
    town.cut.clear()
    await rotateUntilTaken(second, retire)
    expect(third.trust.bundle()).toBe(first.trust.bundle())
  })

  it('goes back from every stage, until it is retired', async (test) => {
    const { town, first, second } = await started(test)
    const before = rootsOf(first)
    const settle = () =>
      until(
        () => town.workloads.every(({ word }) => word?.sequence === first.trust.sequence()),
        'all follow',
      )
    await rotate(first, { kind: 'root', step: 'prepare' })
    await settle()
    await rotateUntilTaken(second, { kind: 'root', step: 'rollback' })
    expect(rootsOf(first)).toEqual(before)
    expect(readdirSync(join(town.folder, 'roots'))).toHaveLength(1)
    await rotate(first, { kind: 'root', step: 'prepare' })
    await rotateUntilTaken(first, { kind: 'root', step: 'activate' })
    await until(
      () => town.workloads.every(({ leaf }) => leaf.issuer !== '' && town.strangers().length === 0),
      'renewed',
    )
    await rotateUntilTaken(second, { kind: 'root', step: 'rollback' })
    expect(stages(first)).toEqual(['active', 'next'])
    // Certificates live under it: it goes when they are gone.
    await rotateUntilTaken(first, { kind: 'root', step: 'rollback' })
    expect(rootsOf(first)).toEqual(before)
    await settle()
    expect(town.strangers()).toEqual([])
    expect(await rotate(first, { kind: 'root', step: 'rollback' })).toMatchObject({
      taken: false,
      done: true,
    })
    expect(await rotate(first, { kind: 'root', step: 'activate' })).toMatchObject({
      taken: false,
      done: true,
    })
  })

  it('says what would happen and does nothing, where only that is asked', async (test) => {
    const { first } = await started(test)
    const dry = await rotate(first, { kind: 'root', step: 'prepare', dryRun: true })
    expect(dry).toEqual({ taken: false, done: false, blockers: [], sequence: 1 })
    expect(stages(first)).toEqual(['active'])
    expect(first.trust.history(10)).toEqual([])
  })

  it('waits for the registry, unless the operator goes on without it; that is on record', async (test) => {
    const { town, first } = await started(test)
    await rotate(first, { kind: 'root', step: 'prepare' })
    town.registered = undefined
    const blocked = async () => rotate(first, { kind: 'root', step: 'activate' })
    await until(async () => who(await blocked()).join() === 'registry', 'all others follow')
    expect((await blocked()).blockers[0]?.why).toMatch(
      /the registry does not answer: nobody knows who lives/,
    )
    const ask = { kind: 'root', step: 'activate', without: ['registry'] } as const
    expect(await rotate(first, ask)).toMatchObject({ taken: true })
    expect(first.trust.history(1)).toMatchObject([
      { step: 'activate', actor: 'desk', without: ['registry'] },
    ])
  })

  it('asks who is registered and has said nothing', async (test) => {
    const { town, first } = await started(test)
    town.registered?.push({ name: 'ghost', instance: 'ghost-1', passing: false })
    await rotate(first, { kind: 'root', step: 'prepare' })
    await until(
      async () => who(await rotate(first, { kind: 'root', step: 'activate' })).join() === 'ghost-1',
      'the others follow',
    )
    town.registered = town.registered?.filter(({ name }) => name !== 'ghost')
    await rotateUntilTaken(first, { kind: 'root', step: 'activate' })
  })

  it('is taken by one of two who are asked at once, or by neither, and never by both', async (test) => {
    const { first, second, hosts } = await started(test)
    for (let i = 0; i < 3; i++) {
      const both = await Promise.all(
        [first, second].map((host) => rotate(host, { kind: 'root', step: 'prepare' })),
      )
      expect(both.filter(({ taken }) => taken).length).toBeLessThanOrEqual(1)
      await rotateUntilTaken(first, { kind: 'root', step: 'prepare' })
      await until(() => new Set(hosts.map((host) => rootsOf(host).join())).size === 1, 'one state')
      expect(stages(first)).toEqual(['active', 'next'])
      await rotateUntilTaken(second, { kind: 'root', step: 'rollback' })
    }
  })
})

describe.concurrent('a rotation of the intermediates', { timeout: 150_000 }, () => {
  it('takes every authority that is up along, and goes back', async (test) => {
    const { town, first, hosts } = await started(test)
    const before = hosts.map(({ trust }) => trust.signers.active().id)
    const watching = watchStrangers(town)
    const take = async (step: 'prepare' | 'activate' | 'rollback' | 'retire'): Promise<void> => {
      // On a busy machine one of them may not have been heard of for a while.
      await until(() => first.peers.up().length === 2, 'the others are up')
      await rotateUntilTaken(first, { kind: 'intermediate', step })
    }
    await take('prepare')
    for (const host of hosts) expect(host.trust.signers.all()).toHaveLength(2)
    await take('activate')
    const after = hosts.map(({ trust }) => trust.signers.active().id)
    for (const [i, id] of after.entries()) expect(id).not.toBe(before[i])
    await take('rollback')
    expect(hosts.map(({ trust }) => trust.signers.active().id)).toEqual(before)
    await take('activate')
    await take('retire')
    for (const [i, host] of hosts.entries()) {
      expect(host.trust.signers.all().map(({ id }) => id)).toEqual([after[i]])
      expect(readdirSync(join(town.folder, host.instance, 'signers'))).toEqual([`${after[i]}.json`])
    }
    expect(await rotate(first, { kind: 'intermediate', step: 'retire' })).toMatchObject({
      done: true,
    })
    await watching.stop()
    expect(watching.seen).toEqual([])
    for (const { leaf } of town.workloads) expect(after).toContain(leaf.issuer)
  })

  it.for(['question', 'answer'] as const)(
    'goes back once, also where the %s is lost and it is asked for again',
    async (what, { onTestFinished }) => {
      const town = await TestTown.make({ authorities: 2 })
      onTestFinished(() => town.close())
      const hosts = await town.startAll()
      const [first] = hosts
      if (first === undefined) throw new Error('two')
      const before = hosts.map(({ trust }) => trust.signers.active().id)
      await rotateUntilTaken(first, { kind: 'intermediate', step: 'prepare' })
      await rotateUntilTaken(first, { kind: 'intermediate', step: 'activate' })
      town.lost.set('authority-1 authority-2', what)
      const reply = await rotate(first, { kind: 'intermediate', step: 'rollback' })
      expect(town.lost.size).toBe(0)
      expect(reply.taken).toBe(what === 'answer')
      if (!reply.taken) {
        expect(who(reply)).toEqual(['authority-2'])
        await rotateUntilTaken(first, { kind: 'intermediate', step: 'rollback' })
      }
      expect(hosts.map(({ trust }) => trust.signers.active().id)).toEqual(before)
      for (const { trust } of hosts) expect(trust.signers.all()).toHaveLength(2)
    },
  )

  it('is not retired while a certificate under it may be in use that nobody has reported', async (test) => {
    const { first } = await started(test)
    const silent = await first.authority.issue({
      ...{ profile: 'workload', kind: 'join', name: 'user', asker: 'test' },
      csr: await csr('user'),
    })
    await rotateUntilTaken(first, { kind: 'intermediate', step: 'prepare' })
    await rotateUntilTaken(first, { kind: 'intermediate', step: 'activate' })
    const retire = { kind: 'intermediate', step: 'retire' } as const
    await until(async () => who(await rotate(first, retire)).length === 1, 'the others renew')
    const refused = await rotate(first, retire)
    expect(refused.blockers).toMatchObject([{ who: 'spiffe://test.local/service/user' }])
    expect(refused.blockers[0]?.why).toMatch(/nobody has reported certificate/)
    const { serial = '' } = refused.blockers[0] ?? {}
    expect(silent.chain).toContain('BEGIN')
    first.revoked.add({ serial, until: Date.now() + 3_600_000 })
    await rotateUntilTaken(first, retire)
  })
})

/** Looks all the time whether anybody is a stranger to anybody. */
function watchStrangers(town: TestTown) {
  const seen: string[] = []
  let stopped = false
  const look = async (): Promise<void> => {
    while (!stopped) {
      seen.push(...town.strangers())
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  const looking = look()
  return {
    seen,
    stop: async () => {
      stopped = true
      await looking
    },
  }
}

async function csr(name: string): Promise<string> {
  const { createCsr, generateKeyPair } = await import('@countersign/ground/x509')
  const { workloadId } = await import('@countersign/contract')
  const { privateKey } = await generateKeyPair()
  return createCsr({ id: workloadId('test.local', name), privateKey })
}
