import { table } from '../../docs.ts'
import { nameOf, type Scenario } from '../measure.ts'
import type { Figures, Results, Spread } from './results.ts'

/* The results as tables of Markdown: a row is a run, a column a gateway. */

/** What the platform asks of CPU for each request, as ratios of ours to a peer's. `must` is a bar, `aim` a hope. */
interface Bar {
  readonly must?: number
  readonly aim?: number
}
const WARM_ES256: Readonly<Record<string, Bar>> = {
  fastify: { must: 0.6, aim: 0.4 },
  haproxy: { must: 1.0, aim: 0.75 },
  nginx: { aim: 1.0 },
}
const NEW: Readonly<Record<string, Bar>> = { haproxy: { must: 1.4 } }
/** With RS256 a verdict costs less, so a cache saves less: there is no bar for tokens that come again. */
function barOf({ alg, tokens }: Scenario, peer: string): Bar {
  const bars = tokens === 'new' ? NEW : alg === 'ES256' ? WARM_ES256 : {}
  return bars[peer] ?? {}
}

/** `ES256 warm, closed loop` */
export const heading = (scenario: string): string =>
  scenario.replace(/ closed$/, ', closed loop').replace(/ (\d+)$/, ', $1/s')

const rowsOf = (
  { targets, plan }: Results,
  cell: (figures: Figures | undefined) => string,
  isShown: (scenario: Scenario) => boolean = () => true,
): string => {
  const names = plan.scenarios.filter(isShown).map(nameOf)
  return table(
    ['', ...targets.map(({ title }) => title)],
    names.map((name) => [heading(name), ...targets.map(({ figures }) => cell(figures[name]))]),
  )
}

/** CPU for each request: median, and the range over the rounds. */
export const cpuTable = (results: Results): string =>
  rowsOf(results, (figures) => range(figures?.cpuMicros))

/** Answers in a second with all connections busy, and what that does to latency. */
export const peakTable = (results: Results): string =>
  rowsOf(results, peakOf, ({ rate }) => rate === 0)

/** Latency from the scheduled time at the rate of `scenario`. */
export function latencyTable({ targets }: Results, scenario: string): string {
  const rows = targets.map((target) => {
    const figures = target.figures[scenario]
    const all = [figures?.p50Ms, figures?.p90Ms, figures?.p99Ms, figures?.p999Ms]
    return [target.title, ...all.map((spread) => range(spread, 2))]
  })
  return table([`ms, ${heading(scenario)}`, 'p50', 'p90', 'p99', 'p99.9'], rows)
}

/** Ours against each peer, with what was asked for beside it. */
export function ratioTable({ targets, plan }: Results): string {
  const ours = targets.find(({ name }) => name === 'ours')
  const peers = targets.filter(({ name }) => name !== 'ours')
  const rows = plan.scenarios.map((scenario) => {
    const name = nameOf(scenario)
    const own = ours?.figures[name]?.cpuMicros.median
    return [
      heading(name),
      ...peers.map((peer) => {
        const theirs = peer.figures[name]?.cpuMicros.median
        if (own === undefined || theirs === undefined) return ''
        return judged(own / theirs, barOf(scenario, peer.name))
      }),
    ]
  })
  return table(['ours ÷', ...peers.map(({ title }) => title)], rows)
}

function judged(ratio: number, { must, aim }: Bar): string {
  const bars = [
    must === undefined ? [] : [`must ${must.toFixed(2)}${ratio <= must ? ' ✓' : ' ✗'}`],
    aim === undefined ? [] : [`aim ${aim.toFixed(2)}${ratio <= aim ? ' ✓' : ' ✗'}`],
  ].flat()
  return bars.length === 0 ? ratio.toFixed(2) : `**${ratio.toFixed(2)}** (${bars.join(', ')})`
}

export function versionTable({ targets }: Results): string {
  return table(
    ['gateway', 'version', 'remembers verdicts'],
    targets.map(({ title, version, cached }) => [title, version, cached ? 'yes' : 'no']),
  )
}

function range(spread: Spread | undefined, digits = 1): string {
  if (spread === undefined) return ''
  const [median, min, max] = [spread.median, spread.min, spread.max].map((n) => n.toFixed(digits))
  return min === max ? `**${median}**` : `**${median}** (${min}–${max})`
}

function peakOf(figures: Figures | undefined): string {
  if (figures === undefined) return ''
  const { perSecond, p50Ms, p99Ms } = figures
  const rate = Math.round(perSecond.median).toLocaleString('en').replaceAll(',', ' ')
  return `**${rate}** (${p50Ms.median.toFixed(1)} / ${p99Ms.median.toFixed(1)})`
}
