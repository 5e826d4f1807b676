import { readBeside, table, writeBeside, writeSection } from '../docs.ts'

/** One measurement of the platform as a whole. Latencies in milliseconds. */
export interface Line {
  readonly name: string
  readonly perSecond: number
  readonly p50Ms: number
  readonly p90Ms: number
  readonly p99Ms: number
  readonly p999Ms?: number
}
interface Kept extends Line {
  readonly at: string
  readonly machine: string
}
const FILE = 'platform.json'

export function tableOf(lines: readonly Line[]): string {
  const ms = (value: number | undefined): string => (value === undefined ? '' : value.toFixed(2))
  const rows = lines.map(({ name, perSecond, p50Ms, p90Ms, p99Ms, p999Ms }) => [
    ...[name, String(Math.round(perSecond))],
    ...[p50Ms, p90Ms, p99Ms, p999Ms].map(ms),
  ])
  return table(['', 'answers/s', 'p50 ms', 'p90 ms', 'p99 ms', 'p99.9 ms'], rows)
}

/** Puts lines into docs/performance.md, in place of those of the same name; the others stay as they were measured. */
export function keepLines(lines: readonly Line[], machine: string): void {
  const at = new Date().toISOString()
  const before = (readBeside(FILE) as readonly Kept[] | undefined) ?? []
  const fresh = lines.map((line) => ({ ...line, at, machine }))
  const names = new Set(lines.map(({ name }) => name))
  const all: Kept[] = [...before.filter(({ name }) => !names.has(name)), ...fresh]
  writeBeside(FILE, `${JSON.stringify(all, null, 2)}\n`)
  const days = [...new Set(all.map((each) => `${each.at.slice(0, 10)}, ${each.machine}`))]
  writeSection('bench', `${days.join('; ')}.\n\n${tableOf(all)}`)
}
