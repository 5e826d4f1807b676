import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EJECT_MS, EJECT_MS_MAX, FORGIVE_MS, SLOW_START_MS } from '../limits.ts'
import { choose, share } from './choose.ts'
import { fail, type GatewayState, newGateway, pass } from './gateway-state.ts'

const gateway = (address: string, changes: Partial<GatewayState> = {}): GatewayState => ({
  ...newGateway(address),
  met: true,
  ...changes,
})
const none: ReadonlySet<string> = new Set()
const pick = (gateways: GatewayState[], tried = none, now = 0): string | undefined =>
  choose(gateways, { tried, turn: 0, now })?.address

describe('choose', () => {
  it('takes the gateway with the fewest connections', () => {
    expect(pick([gateway('a', { connections: 3 }), gateway('b', { connections: 2 })])).toBe('b')
  })
  it('turns among equals', () => {
    const two = [gateway('a'), gateway('b')]
    const seen = [0, 1, 2, 3].map((turn) => choose(two, { tried: none, turn, now: 0 })?.address)
    expect(seen).toEqual(['a', 'b', 'a', 'b'])
  })
  it('leaves out the ejected, unless all are', () => {
    const a = gateway('a', { connections: 9 })
    expect(pick([a, gateway('b', { healthy: false })])).toBe('a')
    expect(pick([{ ...a, healthy: false }, gateway('b', { healthy: false })])).toBe('b')
  })
  it('never tries one twice for the same connection', () => {
    expect(pick([gateway('a'), gateway('b')], new Set(['a']))).toBe('b')
    expect(pick([gateway('a'), gateway('b')], new Set(['a', 'b']))).toBeUndefined()
    expect(pick([])).toBeUndefined()
  })
  it('lets a readmitted gateway in slowly', () => {
    const fresh = gateway('fresh', { readmittedAt: 1_000, connections: 10 })
    const busy = gateway('busy', { connections: 60 })
    expect(pick([busy, fresh], none, 1_000)).toBe('busy')
    expect(pick([busy, fresh], none, 1_000 + SLOW_START_MS / 2)).toBe('fresh')
    expect(share(fresh, 1_000 + SLOW_START_MS)).toBe(1)
  })
  it('spreads evenly over any number of healthy gateways', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 100 }), (n, count) => {
        let gateways = Array.from({ length: n }, (_, i) => gateway(`g${i}`))
        for (let turn = 0; turn < count; turn++) {
          const chosen = choose(gateways, { tried: none, turn, now: 0 })
          gateways = gateways.map((each) =>
            each === chosen ? { ...each, connections: each.connections + 1 } : each,
          )
        }
        const loads = gateways.map((each) => each.connections)
        expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1)
      }),
    )
  })
})

describe('health of a gateway', () => {
  it('is gone with the first refused connection', () => {
    expect(fail(gateway('a'), 'connect', 5)).toMatchObject({
      effect: 'ejected',
      state: { healthy: false, ejectedUntil: 5 + EJECT_MS },
    })
  })
  it('survives one failed check and not two', () => {
    const once = fail(gateway('a'), 'check', 0)
    expect(once).toMatchObject({ effect: undefined, state: { healthy: true } })
    expect(fail(once.state, 'check', 1).effect).toBe('ejected')
    expect(fail(pass(once.state, 1).state, 'check', 2).effect).toBeUndefined()
  })
  it('comes back after its time and two good checks in a row', () => {
    const out = fail(gateway('a'), 'connect', 0).state
    expect(pass(out, EJECT_MS - 1).state.streak).toBe(0)
    const one = pass(out, EJECT_MS)
    expect(one.effect).toBeUndefined()
    expect(pass(fail(one.state, 'check', EJECT_MS).state, EJECT_MS).effect).toBeUndefined()
    expect(pass(one.state, EJECT_MS + 1)).toMatchObject({
      effect: 'readmitted',
      state: { healthy: true, readmittedAt: EJECT_MS + 1 },
    })
  })
  it('is in with its first good check where it was never met: it was still starting', () => {
    const starting = fail(newGateway('a'), 'connect', 0)
    expect(starting).toMatchObject({ effect: 'ejected', state: { healthy: false } })
    const met = pass(starting.state, 1)
    expect(met).toMatchObject({ effect: 'readmitted', state: { healthy: true } })
    expect(share(met.state, 1)).toBe(1)
    expect(fail(met.state, 'connect', 2).state.ejectedUntil).toBe(2 + EJECT_MS)
  })
  it('stays out longer when it keeps failing, and is forgiven in time', () => {
    let state = gateway('a')
    let now = 0
    const outs: number[] = []
    for (let i = 0; i < 9; i++) {
      state = fail(state, 'connect', now).state
      outs.push(state.ejectedUntil - now)
      now = state.ejectedUntil
      state = pass(pass(state, now).state, now).state
    }
    expect(outs.slice(0, 3)).toEqual([EJECT_MS, 2 * EJECT_MS, 4 * EJECT_MS])
    expect(outs.at(-1)).toBe(EJECT_MS_MAX)
    const later = fail(state, 'connect', now + FORGIVE_MS).state
    expect(later.ejectedUntil - now - FORGIVE_MS).toBe(EJECT_MS)
  })
})
