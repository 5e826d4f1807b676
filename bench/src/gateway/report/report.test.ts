import { describe, expect, test } from 'vitest'
import { hottestOf } from '../profile.ts'
import { drawChart } from './chart.ts'
import { figuresOf, type Results, spreadOf } from './results.ts'
import { cpuTable, ratioTable } from './tables.ts'

const round = (cpuMicros: number, perSecond = 1_000) => ({
  cpuMicros,
  report: {
    ...{ done: 1, seconds: 1, perSecond, meanMs: 1, p50Ms: 1, p90Ms: 2, p99Ms: 3, p999Ms: 4 },
    ...{ maxMs: 5, generatorMicros: 1, opened: 1, errors: {}, firstError: '' },
  },
})
const target = (name: string, ...micros: number[]): Results['targets'][number] => ({
  ...{ name, title: name, version: '1', cached: true },
  figures: { 'ES256 warm closed': figuresOf(micros.map((each) => round(each))) },
})
const results: Results = {
  ...{ at: '2026-11-20T00:00:00Z', commit: 'abc', machine: 'one', rounds: 3 },
  floor: { before: 12, after: 12 },
  plan: {
    scenarios: [{ alg: 'ES256', tokens: 'warm', rate: 0 }],
    ...{ seconds: 1, connections: 64, warmUpRequests: 1, newRequests: 1 },
  },
  targets: [target('ours', 30, 20, 40), target('fastify', 60, 50, 70), target('haproxy', 90)],
}

describe('results', () => {
  test('a median lies in the middle, or between the two in the middle', () => {
    expect(spreadOf([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 })
    expect(spreadOf([4, 1, 2, 3])).toEqual({ median: 2.5, min: 1, max: 4 })
  })
  test('the table shows median and range', () => {
    expect(cpuTable(results)).toContain(
      '| **30.0** (20.0–40.0) | **60.0** (50.0–70.0) | **90.0** |',
    )
  })
  test('ratios are of medians, each beside its bar', () => {
    expect(ratioTable(results).split('\n').at(-1)).toBe(
      '| ES256 warm, closed loop | **0.50** (must 0.60 ✓, aim 0.40 ✗) | **0.33** (must 1.00 ✓, aim 0.75 ✓) |',
    )
  })
})

test('a chart draws each bar to scale, and writes names as text', () => {
  const bars = [
    { label: 'a < b', value: 10, min: 5, max: 10, ours: true },
    { label: 'c', value: 5, min: 5, max: 5, ours: false },
  ]
  const svg = drawChart({ title: 'T', unit: 'µs', groups: [{ title: 'G', bars }] })
  expect(svg).toContain('a &lt; b')
  const widths = [...svg.matchAll(/<rect [^>]*width="([\d.]+)"/g)].map(([, width]) => Number(width))
  expect(widths).toEqual([480, 240])
})

test('a profile is summed by function, within its span only', () => {
  const frame = (functionName: string) => ({ functionName, url: '', lineNumber: 0 })
  const profile = {
    nodes: [
      { id: 1, callFrame: frame('a') },
      { id: 2, callFrame: frame('b') },
      { id: 3, callFrame: frame('b') },
    ],
    ...{ startTime: 0, endTime: 60, samples: [1, 2, 3, 1], timeDeltas: [10, 10, 10, 30] },
  }
  expect(hottestOf(profile, { from: 15, to: 60 }, 10)).toEqual([
    { name: 'a', share: 0.6, micros: 3 },
    { name: 'b', share: 0.4, micros: 2 },
  ])
})
