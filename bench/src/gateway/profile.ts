import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { assertClean, type LoadReport } from './load.ts'
import type { Plan } from './measure.ts'
import { warmUp } from './measure.ts'
import { startProgram } from './program.ts'
import { PROXY_CORE, type Session } from './session.ts'
import { ours } from './targets.ts'

const SAMPLE_MICROS = 200
/** New tokens that a second of a profile may need; it ends earlier where they do. */
export const PROFILED_PER_SECOND = 8_000
const SHOWN = 30
/** Parts below are not worth a line. */
const SMALL = 0.1
const ROOT = resolve(import.meta.dirname, '../../..')

/** What V8 writes with --cpu-prof; times in microseconds. */
interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: {
      readonly functionName: string
      readonly url: string
      readonly lineNumber: number
    }
  }[]
  readonly startTime: number
  readonly endTime: number
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}
export interface Hot {
  readonly name: string
  readonly share: number
  readonly micros: number
}
export interface Profiled {
  readonly report: LoadReport
  /** Functions by their own time, the hottest first. */
  readonly hottest: readonly Hot[]
}

/** Runs our gateway under V8's profiler, in a closed loop; start and warm-up are left out. */
export async function profileOurs(
  session: Session,
  plan: Plan,
  tokens: 'warm' | 'new',
): Promise<Profiled> {
  const { place } = session
  const flags = ['--cpu-prof', `--cpu-prof-dir=${place.work}`]
  const command = ours(place, [...flags, `--cpu-prof-interval=${SAMPLE_MICROS}`])
  const program = await startProgram({
    ...{ core: PROXY_CORE, command, cwd: place.work, port: place.port },
  })
  const load = await session.load(plan.connections)
  try {
    await warmUp(session, load, { ...plan, scenarios: plan.scenarios.slice(0, 1) })
    await load.tokens(session.tokens('ES256', tokens))
    const startedAt = performance.now()
    const report = await load.run({ rate: 0, seconds: plan.seconds, wrap: tokens === 'warm' })
    const endedAt = performance.now()
    assertClean('the profiled run', report)
    await load.close()
    const stopAt = performance.now()
    await program.stop()
    const profile = readProfile(place.work)
    const span = {
      from: profile.endTime - (stopAt - startedAt) * 1_000,
      to: profile.endTime - (stopAt - endedAt) * 1_000,
    }
    return { report, hottest: hottestOf(profile, span, report.done) }
  } finally {
    await load.close()
    await program.stop()
  }
}

function readProfile(folder: string): CpuProfile {
  const name = readdirSync(folder).find((each) => each.endsWith('.cpuprofile'))
  if (name === undefined) throw new Error('Node wrote no profile')
  return JSON.parse(readFileSync(join(folder, name), 'utf8')) as CpuProfile
}

/** Sums the samples between `from` and `to` (microseconds) by function. */
export function hottestOf(
  profile: CpuProfile,
  { from, to }: { readonly from: number; readonly to: number },
  requests: number,
): Hot[] {
  const names = new Map(profile.nodes.map((node) => [node.id, nameOf(node.callFrame)]))
  const micros = new Map<string, number>()
  let at = profile.startTime
  let total = 0
  for (const [index, id] of profile.samples.entries()) {
    const delta = profile.timeDeltas[index] ?? 0
    at += delta
    const name = names.get(id) ?? ''
    if (at < from || at > to) continue
    micros.set(name, (micros.get(name) ?? 0) + delta)
    total += delta
  }
  return [...micros]
    .map(([name, sum]) => ({ name, share: sum / total, micros: sum / requests }))
    .sort((a, b) => b.micros - a.micros)
}

/*
 * What V8 cannot see into. It takes for idle whatever happens between the start of a wait and the next call into
 * JavaScript: the system calls that read, and TLS of what they have read.
 */
const NATIVE: Readonly<Record<string, string>> = {
  '(idle)': '(native: waiting, reading, TLS in)',
  writev: '(native: writev: TLS out, sending)',
  writeBuffer: '(native: writeBuffer: TLS out, sending)',
  writeLatin1String: '(native: writeLatin1String: TLS out, sending)',
  writeUtf8String: '(native: writeUtf8String: TLS out, sending)',
}

function nameOf({
  functionName,
  url,
  lineNumber,
}: CpuProfile['nodes'][number]['callFrame']): string {
  const name = functionName === '' ? '(anonymous)' : functionName
  if (url === '') return NATIVE[name] ?? name
  const path = url.startsWith('file://') ? relative(ROOT, fileURLToPath(url)) : url
  return `${name} ${path}:${lineNumber + 1}`
}

/** The profile as lines of text: by the part that a function belongs to, then the hottest functions. */
export function textOf({ report, hottest }: Profiled): string {
  const parts = new Map<string, Hot>()
  for (const { name, share, micros } of hottest) {
    const part = partOf(name)
    const sum = parts.get(part) ?? { name: part, share: 0, micros: 0 }
    parts.set(part, { name: part, share: sum.share + share, micros: sum.micros + micros })
  }
  const called = hottest.filter(({ name }) => !name.startsWith('(native: '))
  const line = ({ name, share, micros }: Hot): string =>
    `${micros.toFixed(2).padStart(7)}  ${(share * 100).toFixed(1).padStart(5)} %  ${name}`
  return [
    `${report.perSecond.toFixed(0)} requests/s; own time, µs for each request`,
    ...[
      '',
      'by part',
      ...[...parts.values()]
        .filter(({ micros }) => micros >= SMALL)
        .sort((a, b) => b.micros - a.micros)
        .map(line),
    ],
    ...['', `the hottest ${SHOWN} functions`, ...called.slice(0, SHOWN).map(line)],
  ].join('\n')
}

/** The package or room that a function belongs to. */
function partOf(name: string): string {
  const path = name.split(' ').at(-1) ?? ''
  if (name.startsWith('(native: ')) return '(native: sockets and TLS)'
  if (path.startsWith('node:'))
    return `node: ${/^node:(?:internal\/)?([a-z_0-9]+)/.exec(path)?.[1]}`
  const module = /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1]
  if (module !== undefined) return `npm: ${module}`
  const room = /^([a-z]+\/[a-z]+)\/src\//.exec(path)?.[1]
  return room ?? (name === '(garbage collector)' ? name : '(other: built-in functions)')
}
