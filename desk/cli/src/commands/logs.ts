import { readdir } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Desk } from '../desk.ts'
import { DeskError, systemCode } from '../errors.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { FOLLOW_MS } from '../limits.ts'
import { LogReader } from '../logs/log-reader.ts'
import { readableLine } from '../logs/readable-line.ts'
import { suggest } from '../config/suggest.ts'
import { countOption } from '../options.ts'

/** `countersign logs`: the last lines of each log, and with `--follow` those to come. */
export async function logs(
  desk: Desk,
  name: string | undefined,
  options: { follow?: boolean; lines: string; json?: boolean },
): Promise<ExitCode> {
  const count = countOption('--lines', options.lines)
  const readers = (await namesOf(desk, name)).map(
    (each) => new LogReader(each, desk.layout.log(each)),
  )
  const show = (reader: LogReader, lines: readonly string[]): void => {
    for (const line of lines) {
      desk.output.line(
        options.json === true ? line : readableLine(reader.name, line, desk.output.colours),
      )
    }
  }
  for (const reader of readers) show(reader, await reader.last(count))
  while (options.follow === true) {
    await sleep(FOLLOW_MS)
    for (const reader of readers) show(reader, await reader.fresh())
  }
  return EXIT.ok
}

async function namesOf(desk: Desk, wanted: string | undefined): Promise<readonly string[]> {
  const files = await readdir(desk.layout.logs).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT')
      throw new DeskError(
        'NOT_RUNNING',
        `there are no logs in ${desk.layout.logs}; nothing was started there yet`,
      )
    throw error
  })
  const names = files
    .filter((file) => file.endsWith('.log'))
    .map((file) => file.slice(0, -'.log'.length))
  if (wanted === undefined) return names.toSorted()
  const matching = names.filter(
    (each) => each === wanted || each.replace(/-[0-9]+$/, '') === wanted,
  )
  if (matching.length > 0) return matching.toSorted()
  const meant = suggest(wanted, names)
  const hint =
    meant === undefined ? `there are ${names.toSorted().join(', ')}` : `did you mean ${meant}?`
  throw new DeskError('USAGE', `there is no log ${JSON.stringify(wanted)}; ${hint}`)
}
