import type { Colours } from '../terminal/colours.ts'
import { printable } from '../terminal/printable.ts'
import type { Evidence, Finding } from './evidence.ts'
import { HOPS } from './hops.ts'
import { STEPS } from './steps.ts'

interface Row {
  readonly number: number
  readonly proven: boolean
  readonly proof: Readonly<Record<string, string | number | boolean>> | null
  readonly fault: string | null
}
/** What a tour found, for machines as for people. */
export interface TourReport {
  readonly ok: boolean
  readonly requestId: string | null
  readonly status: number | null
  readonly steps: readonly (Row & { readonly title: string })[]
  readonly hops: readonly (Row & { readonly from: string; readonly to: string })[]
  /** The first hop, or else the first step, that is not proven. */
  readonly broken: string | null
}

export function reportOf(evidence: Evidence): TourReport {
  const steps = STEPS.map(({ number, title, find }) => ({ number, title, ...row(find(evidence)) }))
  const hops = HOPS.map(({ number, from, to, find }) => ({
    number,
    from,
    to,
    ...row(find(evidence)),
  }))
  const broken = firstBroken(evidence, steps, hops)
  return {
    ok: broken === null,
    requestId: evidence.order?.requestId ?? null,
    status: evidence.order?.status ?? null,
    steps,
    hops,
    broken,
  }
}

/**
 * Where the way ends. A login that failed keeps the order from being sent, and a log that cannot be read hides what
 * was done: neither breaks the hops, so the step is named. Otherwise the first hop that is not proven.
 */
function firstBroken(
  evidence: Evidence,
  steps: TourReport['steps'],
  hops: TourReport['hops'],
): string | null {
  const hop = hops.find((each) => !each.proven)
  const atHop =
    hop === undefined ? null : `hop ${hop.number}, ${hop.from} to ${hop.to}: ${hop.fault}`
  if (hop?.number === 1) return atHop
  const stepOf = (number: number) => steps.find((each) => each.number === number)
  const hiding =
    evidence.login === undefined
      ? stepOf(1)
      : evidence.logFault === undefined
        ? undefined
        : stepOf(7)
  const step = hiding ?? (hop === undefined ? steps.find((each) => !each.proven) : undefined)
  if (step === undefined) return atHop
  return `step ${step.number}, ${step.title}: ${step.fault}`
}

function row(finding: Finding): Omit<Row, 'number'> {
  return 'proof' in finding
    ? { proven: true, proof: finding.proof, fault: null }
    : { proven: false, proof: null, fault: finding.fault }
}

/** The report for people. */
export function renderTour(report: TourReport, colours: Colours): string {
  const { bold, red, green } = colours
  const steps = report.steps.flatMap((step) =>
    lines(`${step.number}. ${step.title}`, step, colours),
  )
  const hops = report.hops.flatMap((hop) =>
    lines(`${hop.number}. ${hop.from} → ${hop.to}`, hop, colours),
  )
  const end = report.ok
    ? green(`All ${report.steps.length} steps and ${report.hops.length} hops are proven.`)
    : red(`Not proven: ${printable(report.broken ?? '')}`)
  return [
    bold('Seven steps of a request'),
    ...steps,
    '',
    bold('Nine hops of mutual TLS'),
    ...hops,
    '',
    end,
    `request ${report.requestId ?? '-'}`,
  ].join('\n')
}

function lines(
  title: string,
  { proven, proof, fault }: Row,
  { green, red, dim }: Colours,
): readonly string[] {
  if (!proven) return [`${red('✗')} ${title}`, `     ${red(printable(fault ?? ''))}`]
  const width = Math.max(...Object.keys(proof ?? {}).map((name) => name.length))
  return [
    `${green('✓')} ${title}`,
    ...Object.entries(proof ?? {}).map(
      ([name, value]) => `     ${dim(name.padEnd(width))}  ${printable(String(value))}`,
    ),
  ]
}
