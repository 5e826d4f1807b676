import { writeBeside, writeSection } from '../../docs.ts'
import { nameOf } from '../measure.ts'
import { type Chart, drawChart } from './chart.ts'
import type { Figures, Results } from './results.ts'
import { cpuTable, heading, latencyTable, peakTable, ratioTable, versionTable } from './tables.ts'

/** Writes the results beside docs/performance.md, and what follows from them into it. */
export function writeReport(results: Results): void {
  const { scenarios } = results.plan
  writeBeside('gateway.json', `${JSON.stringify(results, null, 2)}\n`)
  const cpu = chartOf(results, 'cpuMicros', {
    ...{ title: 'CPU of the gateway for each request', unit: 'µs' },
    scenarios: scenarios.filter(({ rate }) => rate === 0).map(nameOf),
  })
  const latency = chartOf(results, 'p99Ms', {
    ...{ title: 'p99 of latency, from the scheduled time', unit: 'ms' },
    scenarios: scenarios
      .filter(({ tokens, alg, rate }) => tokens === 'warm' && alg === 'ES256' && rate > 0)
      .map(nameOf),
  })
  writeBeside('gateway-cpu.svg', drawChart(cpu))
  writeBeside('gateway-latency.svg', drawChart(latency))
  writeSection('bench:gateway', sectionOf(results))
}

function sectionOf(results: Results): string {
  const { at, commit, machine, rounds, plan, floor } = results
  const common = plan.scenarios.find(({ rate }) => rate > 500) ?? plan.scenarios[0]
  return [
    `${at.slice(0, 10)}, sources ${commit}, ${machine}. ${rounds} interleaved rounds, ${plan.seconds} s each run,`,
    `${plan.connections} connections, ${plan.warmUpRequests} requests of warm-up. Bold: median; in brackets: the range over the rounds.`,
    `The floor (\`load/floor.c\`) was ${floor.before} µs before and ${floor.after} µs after.`,
    ...['', versionTable(results)],
    ...['', 'CPU of the gateway for each request, in µs:'],
    ...['', '![CPU for each request](performance/gateway-cpu.svg)', '', cpuTable(results)],
    ...['', 'Ours ÷ theirs, by medians, beside the bars that there are:', '', ratioTable(results)],
    ...['', 'As many answers a second as it gives, and p50 / p99 in ms while it does:'],
    ...['', peakTable(results)],
    ...['', '![p99 of latency](performance/gateway-latency.svg)'],
    ...(common === undefined ? [] : ['', latencyTable(results, nameOf(common))]),
  ].join('\n')
}

function chartOf(
  { targets }: Results,
  figure: keyof Figures,
  of: { readonly title: string; readonly unit: string; readonly scenarios: readonly string[] },
): Chart {
  return {
    ...{ title: of.title, unit: of.unit },
    groups: of.scenarios.map((scenario) => ({
      title: heading(scenario),
      bars: targets.flatMap(({ name, title, figures }) => {
        const spread = figures[scenario]?.[figure]
        if (spread === undefined) return []
        const { median: value, min, max } = spread
        return [{ label: title, value, min, max, ours: name === 'ours' }]
      }),
    })),
  }
}
