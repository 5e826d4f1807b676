import { execFileSync } from 'node:child_process'
import { cpus, release, totalmem } from 'node:os'
import { type Measured, nameOf, type Plan } from '../measure.ts'
import type { Target } from '../targets.ts'

/** A median with what it lies between. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}
/** All rounds of one target in one scenario. */
export interface Figures {
  readonly cpuMicros: Spread
  readonly perSecond: Spread
  readonly p50Ms: Spread
  readonly p90Ms: Spread
  readonly p99Ms: Spread
  readonly p999Ms: Spread
}
/** What a session has found: written as JSON, and the source of tables and charts. */
export interface Results {
  readonly at: string
  readonly commit: string
  readonly machine: string
  readonly plan: Plan
  readonly rounds: number
  readonly floor: { readonly before: number; readonly after: number }
  readonly targets: readonly {
    readonly name: string
    readonly title: string
    readonly version: string
    readonly cached: boolean
    /** By the name of the scenario. */
    readonly figures: Readonly<Record<string, Figures>>
  }[]
}

export function resultsOf(found: {
  readonly targets: readonly Target[]
  readonly plan: Plan
  readonly rounds: number
  readonly floor: Results['floor']
  readonly measured: readonly Measured[]
}): Results {
  const { targets, plan, rounds, floor, measured } = found
  const [cpu] = cpus()
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`
  return {
    at: new Date().toISOString(),
    commit: commitOf(),
    machine: `${cpus().length} × ${cpu?.model.trim()}, ${memory}, Linux ${release()}`,
    ...{ plan, rounds, floor },
    targets: targets.map(({ name, title, version, cached }) => ({
      ...{ name, title, version: version(), cached },
      figures: Object.fromEntries(
        plan.scenarios.map(nameOf).map((scenario) => {
          const of = measured.filter((one) => one.target === name && one.scenario === scenario)
          return [scenario, figuresOf(of)]
        }),
      ),
    })),
  }
}

export function figuresOf(rounds: readonly Pick<Measured, 'cpuMicros' | 'report'>[]): Figures {
  const over = (pick: (one: Pick<Measured, 'cpuMicros' | 'report'>) => number): Spread =>
    spreadOf(rounds.map(pick))
  return {
    cpuMicros: over((one) => one.cpuMicros),
    perSecond: over((one) => one.report.perSecond),
    p50Ms: over((one) => one.report.p50Ms),
    p90Ms: over((one) => one.report.p90Ms),
    p99Ms: over((one) => one.report.p99Ms),
    p999Ms: over((one) => one.report.p999Ms),
  }
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (index: number): number => sorted[index] ?? Number.NaN
  const last = sorted.length - 1
  const median = (at(Math.floor(last / 2)) + at(Math.ceil(last / 2))) / 2
  return { median, min: at(0), max: at(last) }
}

/** The state of the sources that was measured; `+` where there was more than what is committed. */
function commitOf(): string {
  try {
    const git = (...args: string[]): string =>
      execFileSync('git', args, { encoding: 'utf8' }).trim()
    const changed = git('status', '--porcelain', '--untracked-files=no') !== ''
    return `${git('rev-parse', '--short', 'HEAD')}${changed ? '+' : ''}`
  } catch {
    return 'unknown'
  }
}
