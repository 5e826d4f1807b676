import { readFileSync } from 'node:fs'
import {
  audit,
  type ControlConfiguration,
  type ControlVersion,
} from '@countersign/contract/platform'
import { createJudges, type Judge } from '@countersign/gateway'
import { EMPTY_CONFIG, type KongConfig } from '@countersign/kong'
import { NOTHING_NARROWED, type Narrowing, parseNarrowing } from '@countersign/policy'
import { type Config, readConfig } from '../../config/config.ts'
import type { Desk } from '../../desk.ts'
import { DeskError } from '../../errors.ts'
import { EXIT, type ExitCode } from '../../exit-codes.ts'
import { changeLines } from '../../kong/change-lines.ts'
import {
  type Difference,
  differences,
  type RecordedRequest,
  requestsOf,
} from '../../kong/decisions.ts'
import { differenceLines } from '../../kong/difference-lines.ts'
import { readKongFile, unusable } from '../../kong/read-kong-file.ts'
import { withControl } from '../../kong/with-control.ts'
import { readRecord } from '../../kong/read-record.ts'
import { RECORD_MAX } from '../../limits.ts'
import { withDeskLink } from '../../mesh/desk-link.ts'
import { countOption, durationOption } from '../../options.ts'

interface DiffOptions {
  readonly last: string
  readonly since?: string
  readonly as: string
  readonly json?: boolean
}

/**
 * `countersign gateway diff <file>`: what the file would change, and which recorded requests it would decide otherwise
 * than the configuration of now. Changes nothing. 0 where every one would be decided the same, 1 where one would not, 5
 * where the file has a mistake.
 */
export async function diff(desk: Desk, name: string, options: DiffOptions): Promise<ExitCode> {
  const last = Math.min(countOption('--last', options.last), RECORD_MAX)
  const { since } = options
  const sinceMs = since === undefined ? undefined : Date.now() - durationOption('--since', since)
  const config = readConfig(desk.env, desk.folder)
  const text = await readKongFile(desk, name)
  const candidate = await withControl(desk, options.as, async (control) => {
    const wanted = await control.preview({ body: text })
    if (!wanted.valid) throw unusable(text, wanted)
    const now = await control.exportConfig({ body: { secrets: 'sealed' } })
    const current = await control.preview({ body: { config: now.config, file: 'what there is' } })
    if (!current.valid) throw unusable({ ...text, file: 'what there is' }, current)
    return { changes: wanted.changes, before: current.config, after: wanted.config }
  })
  const { requests, isCut } = await recorded(desk, { last, sinceMs })
  const judges = await judgesOf(desk, config, candidate)
  const found = differences(requests, judges)
  const seen = { changes: candidate.changes, requests, found, last, isCut }
  if (options.json === true) desk.output.json(plain(seen))
  else desk.output.line(render(desk, seen))
  return found.length === 0 ? EXIT.ok : EXIT.failed
}

async function recorded(
  desk: Desk,
  { last, sinceMs }: { readonly last: number; readonly sinceMs: number | undefined },
): Promise<{ readonly requests: readonly RecordedRequest[]; readonly isCut: boolean }> {
  const from = sinceMs === undefined ? undefined : new Date(sinceMs).toISOString()
  const { events, isCut } = await withDeskLink(desk, (link) =>
    readRecord(
      async (page) => {
        const query = { ...page, service: 'gateway', newestFirst: true }
        return (await link.call(audit).query({ query: query as never })).entries
      },
      { last, from },
    ),
  )
  return { requests: requestsOf(events), isCut }
}

type Entities = ControlConfiguration['config']

async function judgesOf(
  desk: Desk,
  config: Config,
  { before, after }: { readonly before: Entities; readonly after: Entities },
) {
  const contracts = await withDeskLink(desk, async (link) => {
    const watch = link.resolver.contracts()
    await watch.first
    const current = watch.current()
    watch.close()
    return current
  })
  const pluginFiles = config.plugins === undefined ? [] : config.plugins.split(',')
  const judgeOf = await createJudges({ contracts, pluginFiles, narrowing: narrowingOf(config) })
  return { before: usable(judgeOf(asConfig(before))), after: usable(judgeOf(asConfig(after))) }
}

/** The control plane has checked each entity; collections without one are left out there. */
const asConfig = (entities: Entities): KongConfig => ({ ...EMPTY_CONFIG, ...entities })

function usable(judge: Judge) {
  if (judge.ok) return judge.judge
  const list = judge.faults.map((fault) => `  - ${fault}`).join('\n')
  throw new DeskError('CONFIGURATION', `no gateway could serve this:\n${list}`)
}

function narrowingOf({ policyFile }: Config): Narrowing {
  if (policyFile === undefined) return NOTHING_NARROWED
  return parseNarrowing(readFileSync(policyFile, 'utf8'), policyFile)
}

interface Seen {
  readonly changes: ControlVersion['changes']
  readonly requests: readonly RecordedRequest[]
  readonly found: readonly Difference[]
  /** Events that were looked at, at most; and whether there are older ones. */
  readonly last: number
  readonly isCut: boolean
}

function plain({ changes, requests, found, isCut }: Seen): object {
  const judged = requests.reduce((sum, { times }) => sum + times, 0)
  return { changes, judged, cutOff: isCut, differences: found }
}

/** What was not judged. */
function leftOut({ last, isCut }: Seen): readonly string[] {
  const never = 'On record are refusals and what can change something, not reads that passed.'
  if (!isCut) return [never]
  return [
    never,
    `Looked at were the last ${last} events; there are older ones (--last, up to ${RECORD_MAX}).`,
  ]
}

function render({ output }: Desk, seen: Seen): string {
  const { changes, requests, found } = seen
  const { bold, dim, green } = output.colours
  const judged = requests.reduce((sum, { times }) => sum + times, 0)
  const changed =
    changes.length === 0
      ? ['The configuration would be what it is.']
      : [bold(`${changes.length} entities would change`), ...changeLines(changes, output.colours)]
  const decided =
    found.length === 0
      ? [green(`All of ${judged} recorded requests would be decided as now.`)]
      : [
          bold(`Of ${judged} recorded requests, decided otherwise:`),
          ...differenceLines(found, output.colours),
        ]
  return [...changed, '', ...decided, ...leftOut(seen).map((line) => dim(line))].join('\n')
}
