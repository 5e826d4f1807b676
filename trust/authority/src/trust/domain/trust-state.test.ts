import type { IntermediateEntry, RootEntry, TrustState } from '@countersign/contract/platform'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Branch, grow, join, wentApart } from './branches.ts'
import { bundleOf, hashOf, merge, readingOf } from './trust-state.ts'

const id = (n: number) => String(n).padStart(40, '0')
const states = fc.constantFrom('next', 'active', 'old')
const root = fc
  .record({ n: fc.nat(3), state: states, since: fc.nat(3) })
  .map(({ n, ...rest }): RootEntry => ({ id: id(n), certificate: `root ${n}\n`, ...rest }))
const intermediate = fc.record({ n: fc.nat(3), r: fc.nat(3), state: states, since: fc.nat(3) }).map(
  ({ n, r, ...rest }): IntermediateEntry => ({
    id: id(n + 10),
    root: id(r),
    certificate: '',
    ...rest,
  }),
)
const section = <E extends { id: string }>(entry: fc.Arbitrary<E>) =>
  fc.record({
    version: fc.nat(3),
    entries: fc.uniqueArray(entry, { minLength: 1, maxLength: 3, selector: (each) => each.id }),
  })
const trustState: fc.Arbitrary<TrustState> = fc.record({
  roots: section(root),
  authorities: fc.dictionary(
    fc.constantFrom('authority-1', 'authority-2', 'toString'),
    section(intermediate),
  ),
})
const text = (state: TrustState) => [
  hashOf(state.roots),
  ...Object.keys(state.authorities)
    .toSorted()
    .map((name) => name + hashOf(state.authorities[name] ?? { version: 0, entries: [] })),
]

describe('merge', () => {
  it('does not care for order, for how often, or for whose way', () => {
    fc.assert(
      fc.property(trustState, trustState, trustState, (a, b, c) => {
        expect(text(merge(a, b))).toEqual(text(merge(b, a)))
        expect(text(merge(merge(a, b), c))).toEqual(text(merge(a, merge(b, c))))
        expect(text(merge(a, a))).toEqual(text(a))
        expect(text(merge(merge(a, b), b))).toEqual(text(merge(a, b)))
      }),
      { numRuns: 2_000 },
    )
  })

  it('takes the later version of each section, and of equal ones the greater hash', () => {
    fc.assert(
      fc.property(trustState, trustState, (a, b) => {
        const { roots } = merge(a, b)
        expect(roots.version).toBe(Math.max(a.roots.version, b.roots.version))
        if (a.roots.version !== b.roots.version) return
        expect(hashOf(roots)).toBe([hashOf(a.roots), hashOf(b.roots)].toSorted()[1])
      }),
    )
  })

  it('hashes the same content the same, whatever its order', () => {
    fc.assert(
      fc.property(section(root), ({ version, entries }) => {
        const turned = entries.toReversed().map((entry) => {
          const { id: key, ...rest } = entry
          return { ...rest, cross: undefined, id: key } as RootEntry
        })
        expect(hashOf({ version, entries: turned })).toBe(hashOf({ version, entries }))
      }),
    )
  })
})

describe('a reading', () => {
  it('has one signing intermediate of each authority under the active root, and none elsewhere', () => {
    fc.assert(
      fc.property(trustState, (state) => {
        fc.pre(state.roots.entries.filter((each) => each.state === 'active').length === 1)
        const reading = readingOf(state)
        const known = new Map(state.roots.entries.map((each) => [each.id, each.state]))
        for (const [name, { entries }] of Object.entries(reading.authorities)) {
          for (const entry of entries) {
            expect(known.has(entry.root)).toBe(true)
            if (known.get(entry.root) !== 'active') expect(entry.state).toBe(known.get(entry.root))
          }
          const below = entries.filter((entry) => known.get(entry.root) === 'active')
          const had = state.authorities[name]?.entries.some((e) => known.get(e.root) === 'active')
          expect(below.filter((entry) => entry.state === 'active')).toHaveLength(had ? 1 : 0)
        }
        expect(readingOf(reading)).toEqual(reading)
      }),
      { numRuns: 2_000 },
    )
  })

  it('has every root in its bundle, the active one first, whatever their order', () => {
    fc.assert(
      fc.property(trustState, (state) => {
        const { version, entries } = state.roots
        const turned = { ...state, roots: { version, entries: entries.toReversed() } }
        expect(bundleOf(turned)).toBe(bundleOf(state))
        for (const { certificate } of entries) expect(bundleOf(state)).toContain(certificate)
      }),
    )
  })
})

const one = (n: number, state: RootEntry['state'], sequence: number): RootEntry => ({
  ...{ id: id(n), certificate: `root ${n}\n`, state, since: 1, sequence },
})
const begin = grow(
  { roots: { version: 1, entries: [one(1, 'active', 1)] }, trail: {} },
  {
    version: 1,
    entries: [one(1, 'active', 1)],
  },
)
const then = (branch: Branch, ...entries: RootEntry[]) =>
  grow(branch, { version: branch.roots.version + 1, entries })

describe('branches', () => {
  const left = then(begin, one(1, 'active', 1), one(2, 'next', 2))
  const right = then(begin, one(1, 'active', 1), one(3, 'next', 2))

  it('are told from states that are only behind', () => {
    expect(wentApart(begin, left)).toBe(false)
    expect(wentApart(then(then(left), one(2, 'active', 2)), begin)).toBe(false)
    expect(wentApart(left, right)).toBe(true)
    expect(wentApart(then(left, one(2, 'active', 2)), right)).toBe(true)
    expect(join(begin, left)).toBe(left)
  })

  it('join the same on both sides, and keep every root of both', () => {
    const [a, b] = [join(left, right), join(right, left)]
    expect(hashOf(a.roots)).toBe(hashOf(b.roots))
    expect(a.roots.entries.map((root) => root.id).toSorted()).toEqual([id(1), id(2), id(3)])
    expect(a.roots.version).toBe(3)
    // Bundle 2 was two different ones: neither new root counts before bundle 3.
    for (const { id: key, sequence } of a.roots.entries)
      expect(sequence).toBe(key === id(1) ? 1 : 3)
    expect(a.roots.entries.filter(({ state }) => state === 'active')).toHaveLength(1)
  })

  it('keep a root under which the other side has gone on to sign', () => {
    const activated = then(left, one(1, 'old', 1), one(2, 'active', 2))
    const rolledBack = then(left, one(1, 'active', 1))
    const joined = join(activated, rolledBack)
    expect(joined.roots.entries.map((root) => root.id).toSorted()).toEqual([id(1), id(2)])
    // Also where the side that took it out went further.
    const further = then(
      then(rolledBack, one(1, 'active', 1), one(4, 'next', 4)),
      one(1, 'active', 1),
    )
    const ids = join(activated, further).roots.entries.map((root) => root.id)
    expect(ids.toSorted()).toEqual([id(1), id(2)])
  })

  it('come to rest: whoever hears the joined state has nothing to add', () => {
    const joined = join(left, right)
    for (const behind of [left, right, begin]) {
      expect(hashOf(join(behind, joined).roots)).toBe(hashOf(joined.roots))
      expect(hashOf(join(joined, behind).roots)).toBe(hashOf(joined.roots))
    }
  })

  it('take back nothing that was retired where nobody went apart', () => {
    const activated = then(left, one(1, 'old', 1), one(2, 'active', 2))
    const retired = then(activated, one(2, 'active', 2))
    for (const behind of [begin, left, activated])
      expect(join(behind, retired).roots.entries).toEqual([one(2, 'active', 2)])
  })
})
