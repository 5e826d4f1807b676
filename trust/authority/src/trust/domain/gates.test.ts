import type { TrustState } from '@countersign/contract/platform'
import { describe, expect, it } from 'vitest'
import { factsOf, type Report } from '../../evidence/domain/fact.ts'
import { gateTrusted, gateUnused } from './gates.ts'
import { id, rootEntry } from './world.fixture.ts'

const NOW = 1_000
const next = { ...rootEntry(2), sequence: 2 }
const under = (n: number, root: number, state: 'active' | 'next' | 'old') => ({
  ...{ id: id(n), root: id(root), certificate: '', state, since: 0 },
})
const state: TrustState = {
  roots: { version: 2, entries: [{ ...rootEntry(1), state: 'active', sequence: 1 }, next] },
  authorities: {
    'authority-1': { version: 1, entries: [under(5, 1, 'active'), under(6, 2, 'next')] },
  },
}
const report = (sequence: number, notAfter: number, issuer = id(5)): Report => ({
  ...{ name: 'order', instance: 'order-1', at: 0, sequence },
  certificates: [{ serial: 'ab', issuer, notAfter }],
})
const registered = [{ name: 'order', instance: 'order-1', passing: true }]
const trusted = (said: Report) =>
  gateTrusted(state, next, { facts: factsOf([said], registered, NOW), up: ['authority-1'] })
const unused = (said: Report, listed = registered) =>
  gateUnused(state, new Set([id(6)]), { facts: factsOf([said], listed, NOW), now: NOW })

describe('the gates', () => {
  it('do not take a bundle of before the authorities were set back for a newer one', () => {
    expect(trusted(report(1, 2_000))).toMatchObject([{ who: 'order-1' }])
    expect(trusted(report(2, 2_000))).toEqual([])
    const ahead = trusted(report(3, 2_000))
    expect(ahead).toMatchObject([{ who: 'order-1', until: 2_000 }])
    expect(ahead[0]?.why).toMatch(/bundle 3.*no later one than 2/)
    expect(unused(report(3, 2_000))).toHaveLength(1)
  })

  it('do not believe that somebody shows nothing because what he has reported has ended', () => {
    expect(unused(report(2, 2_000))).toEqual([])
    expect(unused(report(2, 900))).toMatchObject([{ who: 'order-1' }])
    // Who is called by nobody and shows nothing does not live.
    expect(unused(report(2, 900), [])).toEqual([])
    expect(unused(report(2, 900), [{ ...registered[0], passing: false } as never])).toEqual([])
  })
})
