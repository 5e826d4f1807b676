import type { CaState, TrustState } from '@countersign/contract/platform'
import { describe, expect, it } from 'vitest'
import { forecast } from './forecast.ts'
import type { Present } from './present.ts'

const DAY = 86_400_000
const HOUR = 3_600_000
const id = (n: number) => String(n).padStart(40, '0')
/** In the test a certificate is the day on which it ends. */
const endOf = (certificate: string) => Number(certificate) * DAY
const root = (n: number, state: CaState, endDay: number) => ({
  ...{ id: id(n), certificate: String(endDay), state, since: 0, sequence: 1 },
})
const signer = (n: number, of: number, state: CaState, endDay: number) => ({
  ...{ id: id(n), root: id(of), certificate: String(endDay), state, since: 0 },
})
type Signers = Record<string, ReturnType<typeof signer>[]>
const stateOf = (roots: ReturnType<typeof root>[], signers: Signers): TrustState => ({
  roots: { version: 1, entries: roots },
  authorities: Object.fromEntries(
    Object.entries(signers).map(([name, entries]) => [name, { version: 1, entries }]),
  ),
})
const usual = stateOf([root(1, 'active', 3_000)], {
  'authority-1': [signer(11, 1, 'active', 300)],
  'authority-2': [signer(12, 1, 'active', 200)],
})
const present = (but: Partial<Present> = {}): Present => ({
  ...{ now: 0, at: 400 * DAY, state: usual, endOf, up: ['authority-1', 'authority-2'] },
  ...{ rotation: 'auto', leafMs: HOUR, rootKeys: new Set([id(1)]), shown: [], outside: [] },
  ...{ lists: new Map(), wordMs: DAY },
  ...but,
})
const told = (but: Partial<Present> = {}) =>
  forecast(present(but)).map(({ at, who, severity }) => `${at / DAY} ${who} ${severity}`)

describe('a forecast', () => {
  it('has nothing to say where all goes by itself', () => {
    expect(told()).toEqual([])
    expect(told({ at: 9_000 * DAY })).toEqual([])
  })

  it('by hand: each intermediate, then all of them, then everybody', () => {
    const half = HOUR / 2 / DAY
    expect(told({ rotation: 'manual' })).toEqual([
      `${200 - half} authority-2 warns`,
      `${300 - half} all authorities breaks`,
      `${300 - half} authority-1 warns`,
      '300 all workloads breaks',
    ])
    const [first] = forecast(present({ rotation: 'manual' }))
    expect(first?.prevent).toBe('countersign cert rotate-intermediate')
    expect(first?.what).toMatch(/^it signs no more: its intermediate 000000000000 ends /)
  })

  it('looks no further than it is asked', () => {
    expect(told({ rotation: 'manual', at: 199 * DAY })).toEqual([])
    expect(told({ rotation: 'manual', at: 200 * DAY })).toHaveLength(1)
  })

  it('with the key of the root off line: nobody renews from half a leaf before the end', () => {
    const findings = forecast(present({ rootKeys: new Set() }))
    const all = findings.find(({ who }) => who === 'all authorities')
    expect(all?.at).toBe(300 * DAY - HOUR / 2)
    expect(all?.prevent).toBe(
      'countersign cert import-root, then countersign cert rotate-intermediate',
    )
  })

  it('names the root that ends, and how far the rotation has come', () => {
    const roots = [root(1, 'active', 100)]
    const signers = { 'authority-1': [signer(11, 1, 'active', 100)] }
    const ask = (state: TrustState, rootKeys = new Set([id(1)])) =>
      forecast(present({ rotation: 'manual', up: ['authority-1'], state, rootKeys })).find(
        ({ who }) => who.startsWith('root'),
      )
    const now = ask(stateOf(roots, signers))
    expect(now).toMatchObject({ at: 100 * DAY, severity: 'breaks' })
    expect(now?.prevent).toBe('countersign cert rotate-root')
    const prepared = stateOf([...roots, root(2, 'next', 4_000)], signers)
    expect(ask(prepared)?.prevent).toBe('countersign cert rotate-root')
    expect(ask(prepared, new Set())?.prevent).toMatch(/^countersign cert import-root, then /)
    // The intermediates end with it: a new one would not last longer.
    const limited = forecast(
      present({ rotation: 'manual', up: ['authority-1'], state: stateOf(roots, signers) }),
    )
    expect(limited.find(({ who }) => who === 'authority-1')?.prevent).toBe(
      'countersign cert rotate-root',
    )
  })

  it('names who still stands under an old root that ends', () => {
    const state = stateOf([root(1, 'old', 50), root(2, 'active', 4_000)], {
      'authority-1': [signer(11, 1, 'old', 50), signer(21, 2, 'active', 300)],
    })
    const rootKeys = new Set([id(2)])
    const shown = [
      { who: 'order-1', issuer: id(11), notAfter: 50 * DAY },
      { who: 'user-1', issuer: id(21), notAfter: 50 * DAY },
    ]
    const up = ['authority-1']
    expect(told({ state, rootKeys, up, at: 60 * DAY })).toEqual([])
    const [finding] = forecast(present({ state, rootKeys, up, shown, at: 60 * DAY }))
    expect(finding).toMatchObject({ who: 'root 000000000000', severity: 'breaks', at: 50 * DAY })
    expect(finding?.what).toMatch(/order-1 still show/)
    expect(finding?.what).not.toMatch(/user-1/)
  })

  it('names an authority that has nothing to sign with, now', () => {
    const state = stateOf([root(1, 'active', 3_000)], {
      'authority-1': [signer(11, 1, 'active', 300)],
    })
    expect(told({ state, rootKeys: new Set(), at: DAY })).toEqual(['0 authority-2 warns'])
  })

  it('names what nobody renews while an authority is away', () => {
    const outside = [{ name: 'a.example', issuer: id(12), notAfter: 390 * DAY }]
    const lists = new Map([[id(12), 7 * DAY]])
    const away = { up: ['authority-1'], outside, lists, at: 30 * DAY }
    expect(told(away)).toEqual(['7 authority-2 breaks'])
    expect(told({ ...away, rotation: 'manual', at: 250 * DAY })).toEqual([
      '7 authority-2 breaks',
      '200 authority-2 warns',
    ])
    expect(told({ ...away, outside: [] })).toEqual([])
  })

  it('names certificates outside, and workloads that should have renewed and have not', () => {
    const outside = [
      { name: 'a.example,b.example', issuer: id(11), notAfter: 20 * DAY },
      { name: 'c.example', issuer: id(11), notAfter: 80 * DAY },
    ]
    const shown = [
      { who: 'order-1', issuer: id(11), notAfter: HOUR / 5 },
      { who: 'order-2', issuer: id(11), notAfter: HOUR / 2 },
    ]
    expect(told({ outside, shown, at: 30 * DAY })).toEqual([
      `${HOUR / 5 / DAY} order-1 breaks`,
      '20 a.example,b.example breaks',
    ])
  })

  it('says when doors close while nobody is up', () => {
    expect(told({ up: [], at: 2 * DAY })).toEqual([
      '0 all authorities breaks',
      '1 all workloads breaks',
    ])
  })

  it('is in order of time, and bounded', () => {
    const outside = Array.from({ length: 3_000 }, (_, i) => ({
      ...{ name: `h${i}.example`, issuer: id(11), notAfter: (3_000 - i) * 1_000 },
    }))
    const findings = forecast(present({ outside }))
    expect(findings).toHaveLength(1_024)
    expect(findings.map(({ at }) => at)).toEqual(
      findings.map(({ at }) => at).toSorted((a, b) => a - b),
    )
    for (const { what, who, prevent } of findings) {
      expect(what.length).toBeLessThanOrEqual(512)
      expect(who.length).toBeLessThanOrEqual(256)
      expect(prevent).not.toBe('')
    }
  })
})
