import type { IntermediateEntry, RootEntry } from '@countersign/contract/platform'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { stageOf, stepIntermediates, stepRoots } from './steps.ts'
import { first, id, LIFE, rootEntry, World } from './world.fixture.ts'

const statesOf = (roots: { entries: readonly RootEntry[] } | undefined) =>
  roots?.entries.map((root) => `${Number(root.id)} ${root.state}`)

describe('steps of the roots', () => {
  const prepared = stepRoots(first, { step: 'prepare', entry: rootEntry(2) }, 10) ?? first
  const activated = stepRoots(prepared, { step: 'activate' }, 20) ?? first

  it('go forward stage by stage', () => {
    expect(statesOf(prepared)).toEqual(['1 active', '2 next'])
    expect(prepared.entries[1]).toMatchObject({ since: 10, sequence: 2 })
    expect(statesOf(activated)).toEqual(['1 old', '2 active'])
    expect(statesOf(stepRoots(activated, { step: 'retire' }, 30))).toEqual(['2 active'])
    expect([first, prepared, activated].map(({ entries }) => stageOf(entries))).toEqual([
      'rest',
      'prepared',
      'activated',
    ])
    expect(activated.version).toBe(3)
  })

  it('go back stage by stage, until retired', () => {
    const back = stepRoots(activated, { step: 'rollback' }, 40) ?? first
    expect(statesOf(back)).toEqual(['1 active', '2 next'])
    expect(statesOf(stepRoots(back, { step: 'activate' }, 50))).toEqual(['1 old', '2 active'])
    expect(statesOf(stepRoots(back, { step: 'rollback' }, 50))).toEqual(['1 active'])
    expect(stepRoots(first, { step: 'rollback' }, 50)).toBeUndefined()
  })

  it('that do not fit do nothing', () => {
    expect(stepRoots(first, { step: 'activate' }, 1)).toBeUndefined()
    expect(stepRoots(first, { step: 'retire' }, 1)).toBeUndefined()
    expect(stepRoots(prepared, { step: 'retire' }, 1)).toBeUndefined()
    expect(stepRoots(prepared, { step: 'prepare', entry: rootEntry(3) }, 1)).toBeUndefined()
    expect(stepRoots(activated, { step: 'prepare', entry: rootEntry(3) }, 1)).toBeUndefined()
  })
})

describe('steps of the intermediates', () => {
  const entry = (
    n: number,
    root: number,
    state: IntermediateEntry['state'],
  ): IntermediateEntry => ({
    ...{ id: id(n), root: id(root), certificate: '', state, since: 0 },
  })
  it('leave alone what is under another root', () => {
    const other = entry(9, 2, 'next')
    const section = { version: 4, entries: [entry(5, 1, 'active'), other] }
    const prepared = stepIntermediates(section, { step: 'prepare', entry: entry(6, 1, 'next') }, 1)
    const activated = prepared && stepIntermediates(prepared, { step: 'activate', root: id(1) }, 2)
    const retired = activated && stepIntermediates(activated, { step: 'retire', root: id(1) }, 3)
    expect(retired?.version).toBe(7)
    expect(retired?.entries).toEqual([other, { ...entry(6, 1, 'active'), since: 2 }])
  })
})

const steps = fc.constantFrom('prepare', 'activate', 'retire', 'rollback')
type Act = (world: World) => void
const act = fc.oneof(
  weighed(
    6,
    steps.map(
      (step): Act =>
        (world) =>
          void world.step(step),
    ),
  ),
  weighed(
    2,
    fc.tuple(steps, fc.nat(1)).map(
      ([step, i]): Act =>
        (world) =>
          world.intermediate(step, i),
    ),
  ),
  weighed(
    2,
    fc.nat(2).map(
      (i): Act =>
        (world) =>
          world.follow(i),
    ),
  ),
  weighed(
    2,
    fc.nat(5).map(
      (i): Act =>
        (world) =>
          world.renew(i),
    ),
  ),
  weighed(
    1,
    fc.nat(2).map(
      (i): Act =>
        (world) =>
          world.sleep(i),
    ),
  ),
  weighed(
    3,
    fc.constant<Act>((world) => world.followAll()),
  ),
  weighed(
    3,
    fc.constant<Act>((world) => world.renewAll()),
  ),
  weighed(
    1,
    fc.integer({ min: 1, max: LIFE }).map(
      (ticks): Act =>
        (world) =>
          world.pass(ticks),
    ),
  ),
)
function weighed(weight: number, arbitrary: fc.Arbitrary<Act>) {
  return { weight, arbitrary }
}

describe('steps through their gates', () => {
  it('never leave a living certificate outside of anybody’s bundle, in any order', () => {
    const taken = new Map<string, number>()
    fc.assert(
      fc.property(fc.array(act, { maxLength: 80, size: 'max' }), (acts) => {
        const world = new World()
        for (const each of acts) {
          each(world)
          expect(world.strangers()).toEqual([])
          const active = world.state.roots.entries.filter(({ state }) => state === 'active')
          expect(active).toHaveLength(1)
        }
        for (const step of world.taken) taken.set(step, (taken.get(step) ?? 0) + 1)
      }),
      { numRuns: 2_000 },
    )
    // The gates do open: else this would prove nothing.
    for (const step of ['prepare', 'activate', 'retire', 'rollback'])
      expect(taken.get(step), step).toBeGreaterThan(50)
  }, 60_000)

  it('would without them', () => {
    const world = new World()
    world.step('prepare')
    world.state = {
      ...world.state,
      roots: stepRoots(world.state.roots, { step: 'activate' }, 1) ?? first,
    }
    world.renew(0)
    expect(world.strangers()).not.toEqual([])
  })

  it('go all the way when everybody follows', () => {
    const world = new World()
    const all = () => world.followAll()
    expect(world.step('prepare')).toBe(true)
    expect(world.step('activate')).toBe(false)
    all()
    expect(world.step('activate')).toBe(true)
    expect(world.step('retire')).toBe(false)
    world.renewAll()
    all()
    expect(world.step('retire')).toBe(true)
    expect(world.state.roots.entries).toHaveLength(1)
  })
})
