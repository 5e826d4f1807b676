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
import { AUDIT_PAGE_MAX } from '../../limits.ts'
import { withDeskLink } from '../../mesh/desk-link.ts'
import { countOption } from '../../options.ts'

interface DiffOptions {
  readonly last: string
  readonly as: string
  readonly json?: boolean
}

/**
 * `countersign gateway diff <file>`: what the file would change, and which recorded requests it would decide otherwise
 * than the configuration of now. Changes nothing. 0 where every one would be decided the same, 1 where one would not, 5
 * where the file has a mistake.
 */
export async function diff(desk: Desk, name: string, options: DiffOptions): Promise<ExitCode> {
  const last = Math.min(countOption('--last', options.last), AUDIT_PAGE_MAX)
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
  const requests = await recorded(desk, last)
  const judges = await judgesOf(desk, config, candidate)
  const found = differences(requests, judges)
  const seen = { changes: candidate.changes, requests, found }
  if (options.json === true) desk.output.json(plain(seen))
  else desk.output.line(render(desk, seen))
  return found.length === 0 ? EXIT.ok : EXIT.failed
}

async function recorded(desk: Desk, last: number): Promise<readonly RecordedRequest[]> {
  if (last === 0) return []
  const query = { service: 'gateway', limit: last, newestFirst: true }
  const { entries } = await withDeskLink(desk, (link) =>
    link.call(audit).query({ query: query as never }),
  )
  return requestsOf(entries.map(({ event }) => event))
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
}

function plain({ changes, requests, found }: Seen): object {
  const judged = requests.reduce((sum, { times }) => sum + times, 0)
  return { changes, judged, differences: found }
}

function render({ output }: Desk, { changes, requests, found }: Seen): string {
  const { bold, green } = output.colours
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
  return [...changed, '', ...decided].join('\n')
}
