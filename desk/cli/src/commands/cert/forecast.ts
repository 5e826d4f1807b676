import type { Forecast } from '@countersign/contract/platform'
import { authoritiesOf } from '../../authorities/authorities.ts'
import { iso } from '../../authorities/certificate-tables.ts'
import type { Desk } from '../../desk.ts'
import { DeskError } from '../../errors.ts'
import { EXIT, type ExitCode } from '../../exit-codes.ts'
import { momentOption } from '../../options.ts'
import type { Colours } from '../../terminal/colours.ts'
import { printable } from '../../terminal/printable.ts'
import { left } from '../../terminal/status-table.ts'

type Finding = Forecast['findings'][number]

/**
 * `countersign cert forecast`: what stops to work by itself until a moment, and what prevents it. 0 when nothing
 * breaks, 1 when something does.
 */
export async function forecast(
  desk: Desk,
  options: { at: string; json?: boolean },
): Promise<ExitCode> {
  const now = Date.now()
  const at = momentOption('--at', options.at, now)
  if (at <= now) throw new DeskError('USAGE', '--at is a moment to come')
  const answers = await authoritiesOf(desk).askAll((client) => client.forecast({ query: { at } }))
  const silent = answers.flatMap((each) => ('fault' in each ? [each.at] : []))
  const findings = once(answers.flatMap((each) => ('value' in each ? each.value.findings : [])))
  const breaks = findings.some(({ severity }) => severity === 'breaks')
  const { output } = desk
  if (options.json === true) output.json({ now, at, findings, silent })
  else {
    for (const line of render(findings, output.colours, now)) output.line(line)
    output.line(verdict({ breaks, at }, output.colours))
    if (silent.length > 0)
      output.note(`no answer from ${silent.join(', ')}: what only that authority knows is missing`)
  }
  return breaks ? EXIT.failed : EXIT.ok
}

/** Authorities know much of the same. In order of time. */
function once(findings: readonly Finding[]): readonly Finding[] {
  const found = new Map(findings.map((each) => [`${each.at} ${each.who} ${each.what}`, each]))
  return [...found.values()].toSorted((a, b) => a.at - b.at)
}

function render(findings: readonly Finding[], colours: Colours, now: number): string[] {
  return findings.flatMap(({ at, who, severity, what, prevent }) => [
    `${iso(at)} ${colours.dim(`in ${left(at - now)}`)}  ${severity === 'breaks' ? colours.red('breaks') : colours.yellow('warns')}  ${colours.bold(printable(who))}: ${printable(what)}`,
    `      ${printable(prevent)}`,
  ])
}

function verdict({ breaks, at }: { breaks: boolean; at: number }, colours: Colours): string {
  return breaks
    ? colours.red(`Something breaks before ${iso(at)} unless somebody acts.`)
    : colours.green(`Nothing breaks before ${iso(at)}.`)
}
