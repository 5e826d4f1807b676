import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Bounds, checkValidity, type Span, type ValidityRefusal } from './check-validity.ts'
import { planSpan } from './plan-span.ts'

const MIN = 60_000
const now = 1_800_000_000_000
const bounds: Bounds = {
  now,
  skewMs: MIN,
  lifetimeMsMax: 60 * MIN,
  issuer: { notBefore: now - 1_000 * MIN, notAfter: now + 1_000 * MIN },
}
const young = { ...bounds, issuer: { ...bounds.issuer, notBefore: now } }
const ending = { ...bounds, issuer: { ...bounds.issuer, notAfter: now + 10 * MIN } }
const span = (from: number, until: number): Span => ({
  notBefore: now + from,
  notAfter: now + until,
})

// biome-ignore format: a table
const cases: [string, Span, Bounds, ValidityRefusal | undefined][] = [
  ['the usual hour',               span(-MIN, 60 * MIN),        bounds, undefined],
  ['ends as it starts',            span(0, 0),                  bounds, 'EMPTY'],
  ['ends before it starts',        span(0, -1),                 bounds, 'EMPTY'],
  ['no number at the start',       span(Number.NaN, 1),         bounds, 'EMPTY'],
  ['no number at the end',         span(0, Number.NaN),         bounds, 'EMPTY'],
  ['starts long ago',              span(-MIN - 1, MIN),         bounds, 'STARTS_TOO_EARLY'],
  ['starts before its issuer',     span(-1, MIN),               young,  'STARTS_BEFORE_ISSUER'],
  ['lives too long',               span(0, 61 * MIN + 1),       bounds, 'LIVES_TOO_LONG'],
  ['outlives its issuer',          span(0, 10 * MIN + 1),       ending, 'OUTLIVES_ISSUER'],
  ['ends with its issuer',         span(0, 10 * MIN),           ending, undefined],
  ['lives for ever',               span(0, Number.POSITIVE_INFINITY), bounds, 'LIVES_TOO_LONG'],
  ['a bound that is no number',    span(0, MIN),                { ...bounds, now: Number.NaN }, 'STARTS_TOO_EARLY'],
]

describe('checkValidity', () => {
  it.each(cases)('%s', (_, wanted, b, refusal) => {
    expect(checkValidity(wanted, b)).toBe(refusal)
  })
})

describe('planSpan', () => {
  const plan = (issuer: Span, lifetimeMs: number, at = now) =>
    planSpan({ now: at, skewMs: MIN, issuer, lifetimeMs })

  it('starts a little in the past and lives as long as wanted', () => {
    expect(plan(bounds.issuer, 60 * MIN)).toEqual(span(-MIN, 60 * MIN))
    expect(plan(young.issuer, 60 * MIN)).toEqual(span(0, 60 * MIN))
  })

  it('cuts what would outlive the issuer, and refuses under one that is nearly or long over', () => {
    expect(plan(ending.issuer, 15 * MIN)).toEqual(span(-MIN, 10 * MIN))
    expect(plan(ending.issuer, 21 * MIN)).toBe('ISSUER_ENDS_SOON')
    expect(plan(span(-100, -1), MIN)).toBe('ISSUER_ENDS_SOON')
    expect(plan(ending.issuer, Number.NaN)).toBe('ISSUER_ENDS_SOON')
    expect(plan(ending.issuer, MIN, Number.NaN)).toBe('ISSUER_ENDS_SOON')
  })

  it('never leaves the bounds, whatever the issuer', () => {
    const times = fc.integer({ min: -2_000 * MIN, max: 2_000 * MIN })
    fc.assert(
      fc.property(
        times,
        times,
        fc.integer({ min: 1, max: 2_000 * MIN }),
        (from, until, lifetimeMs) => {
          const issuer = span(from, until)
          const planned = plan(issuer, lifetimeMs)
          if (planned === 'ISSUER_ENDS_SOON') return
          expect(planned.notAfter).toBeLessThanOrEqual(issuer.notAfter)
          expect(planned.notBefore).toBeGreaterThanOrEqual(issuer.notBefore)
          expect(planned.notAfter - now).toBeGreaterThanOrEqual(lifetimeMs / 2)
        },
      ),
    )
  })
})
