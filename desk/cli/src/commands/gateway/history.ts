import type { ControlVersion } from '@countersign/contract/platform'
import type { Desk } from '../../desk.ts'
import { DeskError } from '../../errors.ts'
import { EXIT, type ExitCode } from '../../exit-codes.ts'
import { changeLines } from '../../kong/change-lines.ts'
import { withControl } from '../../kong/with-control.ts'
import { HISTORY_MAX } from '../../limits.ts'
import { countOption } from '../../options.ts'
import { printable } from '../../terminal/printable.ts'
import { table } from '../../terminal/table.ts'

interface HistoryOptions {
  readonly lines: string
  readonly as: string
  readonly json?: boolean
}

/** `countersign gateway history`: who changed what and when; of one version also how. */
export async function history(
  desk: Desk,
  word: string | undefined,
  options: HistoryOptions,
): Promise<ExitCode> {
  const one = word === undefined ? undefined : countOption('a version', word)
  const limit = Math.max(1, Math.min(countOption('--lines', options.lines), HISTORY_MAX))
  const query = one === undefined ? { limit } : { before: one + 1, limit: 1 }
  const found = await withControl(desk, options.as, (control) => control.history({ query }))
  if (one !== undefined && found.versions[0]?.version !== one)
    throw new DeskError(
      'FAILED',
      `version ${one} is not in the history; see: countersign gateway history`,
    )
  if (options.json === true) desk.output.json(one === undefined ? found : found.versions[0])
  else if (one === undefined) desk.output.line(tableOf(desk, found.versions))
  else for (const version of found.versions) desk.output.line(detailsOf(desk, version))
  return EXIT.ok
}

function tableOf({ output }: Desk, versions: readonly ControlVersion[]): string {
  const head = ['version', 'when', 'who', 'entities', 'what'].map(output.colours.bold)
  const rows = versions.map(({ version, at, actor, changed, what }) => [
    String(version),
    at.slice(0, 19).replace('T', ' '),
    printable(actor.name),
    String(changed),
    printable(what),
  ])
  return table(head, rows)
}

function detailsOf({ output }: Desk, made: ControlVersion): string {
  const { version, at, actor, what, requestId, changes, changed } = made
  const more = changed - changes.length
  return [
    `${output.colours.bold(`version ${version}`)} ${at} ${printable(actor.name)}: ${printable(what)}`,
    `  request ${printable(requestId)}`,
    ...changeLines(changes, output.colours),
    ...(more > 0 ? [`  … and ${more} more`] : []),
  ].join('\n')
}
