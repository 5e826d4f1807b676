import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Forecast, Quorum, TrustState } from '@countersign/contract/platform'
import { until } from '@countersign/ground/testkit'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openVault } from '../pki/signer-store.ts'
import { callMesh } from '../testing/mesh.ts'
import { TRUST_DOMAIN } from '../testing/test-pki.ts'
import { rotate, rotateUntilTaken, TestTown } from '../testing/town.ts'
import { idsIn, type TrustHost } from '../testing/trust-host.ts'
import { grow } from './domain/branches.ts'

vi.setConfig({ testTimeout: 90_000 })

let town: TestTown
beforeEach(async () => {
  town = await TestTown.make()
})
afterEach(() => town.close())

const stages = (host: TrustHost) =>
  host.trust
    .state()
    .roots.entries.map(({ state }) => state)
    .join()
const activeRoot = (host: TrustHost) =>
  host.trust.state().roots.entries.find(({ state }) => state === 'active')?.id
const isUp = (host: TrustHost, instance: string) =>
  host.peers.up().some((each) => each.instance === instance)

async function three(): Promise<readonly [TrustHost, TrustHost, TrustHost]> {
  const [a, b, c] = await town.startAll()
  if (a === undefined || b === undefined || c === undefined) throw new Error('three')
  return [a, b, c]
}
async function rotateRoot(host: TrustHost): Promise<void> {
  await rotateUntilTaken(host, { kind: 'root', step: 'prepare' })
  await rotateUntilTaken(host, { kind: 'root', step: 'activate' })
  await rotateUntilTaken(host, { kind: 'root', step: 'retire' })
}

describe('three authorities', () => {
  it('know of each other, and say so', async () => {
    const [first, second] = await three()
    await town.join('order-1')
    await until(async () => {
      await first.peers.round()
      return second.evidence.reports().length === 4
    }, 'all have reported')
    const desk = first.handlers.quorum as (input: object) => Promise<Quorum>
    const quorum = await desk({})
    expect(quorum).toMatchObject({ instance: 'authority-1', sequence: 1, revocations: 0 })
    expect(quorum.roots).toMatchObject([{ state: 'active', keyIsHere: true }])
    expect(quorum.authorities.map(({ instance, up }) => `${instance} ${up}`)).toEqual([
      'authority-1 true',
      'authority-2 true',
      'authority-3 true',
    ])
    for (const { intermediates, sequence } of quorum.authorities) {
      expect(intermediates).toMatchObject([{ state: 'active', root: quorum.roots[0]?.id }])
      expect(sequence).toBe(1)
    }
    const asked = await callMesh<Quorum>(second.identity, first.mesh, {
      method: 'GET',
      path: '/v1/quorum',
    })
    expect(asked.authorities).toHaveLength(3)
    const reported = second.evidence.reports().map(({ instance }) => instance)
    expect(reported.toSorted()).toEqual(['authority-1', 'authority-2', 'authority-3', 'order-1'])
  })

  it('do not wait for one that is dead; back again it takes over all before it opens', async () => {
    const [first, second, third] = await three()
    const order = await town.join('order-1', [first, second])
    await town.join('payment-1', [second, first])
    await town.kill(third)
    await until(() => !isUp(first, 'authority-3'), 'it is seen to be away', 45_000)
    await rotateRoot(first)
    await rotateUntilTaken(second, { kind: 'intermediate', step: 'prepare' })
    await rotateUntilTaken(second, { kind: 'intermediate', step: 'activate' })
    const back = await town.start('authority-3')
    // Nothing has to happen any more: it knows, and has what it lacked.
    expect(activeRoot(back)).toBe(activeRoot(first))
    expect(back.trust.signers.active().root).toBe(activeRoot(first))
    expect(idsIn(back.trust.bundle())).toEqual([activeRoot(first)])
    expect(readdirSync(join(town.folder, 'authority-3', 'signers'))).toHaveLength(1)
    await back.peers.round()
    expect(new Set(town.hosts.map(({ trust }) => trust.revision())).size).toBe(1)
    order.hosts.splice(0, 2, back)
    await order.renew()
    expect(order.leaf.issuer).toBe(back.trust.signers.active().id)
    expect(town.strangers()).toEqual([])
    // Reports of those who did not move are known to it as well, from the others.
    const known = back.evidence.reports().map(({ instance }) => instance)
    expect(known).toEqual(expect.arrayContaining(['payment-1', 'order-1']))
  })

  it('wait for one that was here a moment ago, unless the operator knows better', async () => {
    const [first, , third] = await three()
    await first.peers.round()
    await town.kill(third)
    const prepare = { kind: 'root', step: 'prepare' } as const
    const refused = await rotate(first, prepare)
    expect(refused).toMatchObject({ taken: false, blockers: [{ who: 'authority-3' }] })
    expect(refused.blockers[0]?.why).toMatch(/was here a moment ago and does not answer/)
    expect(await rotate(first, { ...prepare, without: ['authority-3'] })).toMatchObject({
      taken: true,
    })
  })

  it('one of which slept hear from the folder what was decided, when nobody believes them any more', async () => {
    const [first, second, third] = await three()
    for (const other of ['authority-1', 'authority-2']) {
      town.cut.add(`authority-3 ${other}`)
      town.cut.add(`${other} authority-3`)
    }
    await third.schedule.close()
    await until(
      () => !isUp(first, 'authority-3') && !isUp(second, 'authority-3'),
      'it is seen to be away',
      45_000,
    )
    await rotateRoot(first)
    expect(activeRoot(third)).not.toBe(activeRoot(first))
    await third.schedule.tick()
    expect(activeRoot(third)).toBe(activeRoot(first))
    expect(third.trust.signers.active().root).toBe(activeRoot(first))
    town.cut.clear()
    await until(
      () => idsIn(third.identity.current().chain).includes(third.trust.signers.active().id),
      'it renews',
    )
    expect(await third.peers.round()).toEqual(['authority-1', 'authority-2'])
  })

  it('that cannot reach each other change what they like, and mend it when they meet', async () => {
    const [first, second, third] = await three()
    // They share a folder, and would hear of each other there.
    for (const host of town.hosts) await host.schedule.close()
    for (const [from, to] of [
      ['authority-1', 'authority-2'],
      ['authority-2', 'authority-1'],
      ['authority-3', 'authority-2'],
      ['authority-2', 'authority-3'],
    ])
      town.cut.add(`${from} ${to}`)
    await until(
      () => !isUp(first, 'authority-2') && !isUp(second, 'authority-3'),
      'they are apart',
      45_000,
    )
    // Both go on: each with its own side.
    expect(await rotate(first, { kind: 'root', step: 'prepare' })).toMatchObject({ taken: true })
    expect(await rotate(second, { kind: 'root', step: 'prepare' })).toMatchObject({ taken: true })
    const [left, right] = [idsIn(first.trust.bundle()), idsIn(second.trust.bundle())]
    expect(third.trust.bundle()).toBe(first.trust.bundle())
    town.cut.clear()
    for (const host of town.hosts) await host.peers.round()
    const all = [...new Set([...left, ...right])].toSorted()
    expect(all).toHaveLength(3)
    await until(
      () => town.hosts.every((host) => idsIn(host.trust.bundle()).toSorted().join() === all.join()),
      'mended',
      45_000,
    )
    await until(
      () => new Set(town.hosts.map(({ trust }) => trust.revision())).size === 1,
      'one state',
      45_000,
    )
    expect(first.trust.sequence()).toBeGreaterThan(2)
    const acts = town.hosts.flatMap(({ events }) => events.map((e) => e.countersign?.details?.act))
    expect(acts).toContain('trust.mend')
    for (const host of town.hosts) expect(host.trust.signers.active()).toBeDefined()
  })

  it('refuse what makes no sense, topic by topic, and go on', async () => {
    const [first, second] = await three()
    const before = first.trust.revision()
    const good = first.trust.raw()
    const [root] = good.roots.entries
    if (root === undefined) throw new Error('a root')
    const said = (state: unknown) => ({ state, trail: {}, revision: 'x' })
    const bad: unknown[] = [
      'nonsense',
      said({ roots: { version: 9, entries: [] }, authorities: {} }),
      said({ ...good, roots: { version: 9, entries: [{ ...root, state: 'next' }] } }),
      said({ ...good, roots: { version: 9, entries: [{ ...root, id: '0'.repeat(40) }] } }),
      said({ ...good, roots: { version: 9, entries: [root, root] } }),
      said({
        ...good,
        authorities: {
          'authority-2': {
            version: 9,
            entries: [
              { ...root, root: root.id },
              { ...root, root: root.id },
            ],
          },
        },
      }),
      said({
        ...good,
        authorities: {
          'authority-2': {
            version: 9,
            entries: [
              { id: root.id, root: '0'.repeat(40), certificate: 'x', state: 'active', since: 0 },
            ],
          },
        },
      }),
    ]
    for (const trust of bad) {
      const topics = { trust, evidence: [], turn: { wanted: 'maybe' } }
      const reply = await first.peers.hear({ instance: 'authority-2', topics })
      expect(reply.instance).toBe('authority-1')
    }
    expect(first.trust.revision()).toBe(before)
    const refused = first.events.filter(({ action }) => action === 'trust.sync')
    expect(refused.filter((e) => e.countersign?.details?.topic === 'trust')).toHaveLength(
      bad.length,
    )
    expect(await first.metrics.text()).toMatch(
      /countersign_trust_malformed_total\{topic="trust"\} 7/,
    )
    expect(await rotate(second, { kind: 'root', step: 'prepare' })).toMatchObject({ taken: true })
  })

  it('whose store is lost go on: with their keys, as a later state of their own', async () => {
    const [first, second, third] = await three()
    await rotateUntilTaken(first, { kind: 'intermediate', step: 'prepare' })
    await rotateUntilTaken(first, { kind: 'intermediate', step: 'activate' })
    await rotateUntilTaken(first, { kind: 'intermediate', step: 'retire' })
    const { id } = third.trust.signers.active()
    const version = first.trust.raw().authorities['authority-3']?.version ?? 0
    await town.kill(third)
    for (const name of readdirSync(join(town.folder, 'authority-3')))
      if (name.startsWith('authority.db')) rmSync(join(town.folder, 'authority-3', name))
    rmSync(join(town.folder, 'trust.json'))
    const back = await town.start('authority-3')
    expect(back.trust.signers.active().id).toBe(id)
    await second.peers.round()
    const after = second.trust.raw().authorities['authority-3']
    expect(after?.version).toBeGreaterThan(version)
    expect(after?.entries.map((each) => `${each.id} ${each.state}`)).toEqual([`${id} active`])
    expect(new Set(town.hosts.map(({ trust }) => trust.revision())).size).toBe(1)
  })

  it('go on when all of one is lost: it makes its own again', async () => {
    const [first, , third] = await three()
    const before = third.trust.signers.active().id
    await town.kill(third)
    rmSync(join(town.folder, 'authority-3'), { recursive: true })
    const back = await town.start('authority-3')
    expect(back.trust.signers.active().id).not.toBe(before)
    await first.peers.round()
    const { entries } = first.trust.raw().authorities['authority-3'] ?? { entries: [] }
    expect(entries.map(({ id }) => id)).toEqual([back.trust.signers.active().id])
  })
})

describe('a root whose key is off line', () => {
  it('is named wherever it is missed, and is used as soon as it is brought', async () => {
    const [first] = await three()
    await town.join('order-1')
    const vault = openVault({
      folder: town.folder,
      masterKey: town.masterKey,
      trustDomain: TRUST_DOMAIN,
    })
    const [id = ''] = await vault.list()
    const root = await vault.read(id)
    if (root === undefined) throw new Error('the root')
    await vault.remove(id)
    const prepare = { kind: 'intermediate', step: 'prepare' } as const
    const refused = await rotate(first, prepare)
    expect(refused.taken).toBe(false)
    expect(refused.blockers.map(({ who }) => who).toSorted()).toEqual([
      'authority-1',
      'authority-2',
      'authority-3',
    ])
    expect(refused.blockers[0]?.why).toMatch(/countersign cert import-root/)
    expect(
      (await rotate(first, { ...prepare, without: ['authority-1', 'authority-2', 'authority-3'] }))
        .taken,
    ).toBe(false)
    const cross = await rotate(first, { kind: 'root', step: 'prepare' })
    expect(cross.blockers[0]?.why).toMatch(
      /not believe the new one; do: countersign cert import-root/,
    )
    const forecast = first.handlers.forecast as (input: object) => Promise<Forecast>
    const at = Date.now() + 400 * 86_400_000
    const { findings } = await forecast({ query: { at } })
    expect(findings.map(({ who, severity }) => `${who} ${severity}`)).toEqual([
      'all authorities breaks',
      'authority-1 warns',
      'authority-2 warns',
      'authority-3 warns',
      'all workloads breaks',
    ])
    expect(findings[0]?.prevent).toMatch(/^countersign cert import-root/)
    await vault.write(root)
    expect(await rotate(first, prepare)).toMatchObject({ taken: true })
    expect((await forecast({ query: { at } })).findings).toEqual([])
  })

  it('keeps an authority that has no intermediate from signing, which says why', async () => {
    const [first, , third] = await three()
    await town.kill(third)
    rmSync(join(town.folder, 'authority-3'), { recursive: true })
    rmSync(join(town.folder, 'roots'), { recursive: true })
    await expect(town.start('authority-3')).rejects.toMatchObject({
      code: 'PKI_MISSING',
      message: expect.stringMatching(
        /authority-3 has no intermediate.*countersign cert import-root/,
      ),
    })
    expect(first.trust.signers.active()).toBeDefined()
  })
})

describe('the state of an authority', () => {
  it('is as it was after a restart, with its history', async () => {
    const [first] = await three()
    await rotate(first, { kind: 'root', step: 'prepare' })
    const before = first.trust.raw()
    await town.kill(first)
    const back = await town.start('authority-1')
    expect(back.trust.raw()).toEqual(before)
    expect(back.trust.history(5)).toMatchObject([
      { kind: 'root', step: 'prepare', actor: 'desk', sequence: 2 },
    ])
    // What workloads have said is gone with the process, and comes back from the others.
    expect(back.evidence.reports().length).toBeGreaterThan(0)
    expect(stages(back)).toBe('active,next')
  })

  it('lets a destroyed key go for good, also where its file comes back', async () => {
    const [first, second, third] = await three()
    const file = join(
      town.folder,
      'authority-1',
      'signers',
      `${first.trust.signers.active().id}.json`,
    )
    const text = readFileSync(file, 'utf8')
    for (const step of ['prepare', 'activate', 'retire'] as const)
      await rotateUntilTaken(second, { kind: 'intermediate', step })
    expect(existsSync(file)).toBe(false)
    await town.kill(first)
    writeFileSync(file, text, { mode: 0o600 })
    const back = await town.start('authority-1')
    expect(existsSync(file)).toBe(false)
    expect(back.trust.signers.all()).toHaveLength(1)
    expect(third.trust.signers.all()).toHaveLength(1)
  })

  it('is not taken for that of another branch when it comes from a copy of before', async () => {
    const [first] = await three()
    const before = first.trust.raw()
    await rotateRoot(first)
    const state: TrustState = { ...before, authorities: {} }
    await first.trust.adopt({ state, branch: grow({ roots: state.roots, trail: {} }, state.roots) })
    expect(stages(first)).toBe('active')
    expect(activeRoot(first)).not.toBe(before.roots.entries[0]?.id)
  })

  it('is what the store says where the file is damaged, and without a store is not made up', async () => {
    const [first, second] = await three()
    await town.kill(first)
    await town.kill(second)
    const file = join(town.folder, 'trust.json')
    writeFileSync(file, '{"roots":{}}')
    const back = await town.start('authority-1')
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(back.trust.raw())
    writeFileSync(file, '{"roots":{}}')
    for (const name of readdirSync(join(town.folder, 'authority-2')))
      if (name.startsWith('authority.db')) rmSync(join(town.folder, 'authority-2', name))
    await expect(town.start('authority-2')).rejects.toMatchObject({ code: 'PKI_DAMAGED' })
  })
})
