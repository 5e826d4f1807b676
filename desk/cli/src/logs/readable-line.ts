import type { Colours } from '../terminal/colours.ts'
import { printable } from '../terminal/printable.ts'

const QUIET: ReadonlySet<string> = new Set([
  '@timestamp',
  'ecs.version',
  'log.level',
  'message',
  'service.name',
  'service.node.name',
])

/** One line of a log for people: time, who, what. Lines that are not ECS JSON come as they are, made safe. */
export function readableLine(name: string, line: string, colours: Colours): string {
  const fields = parse(line)
  if (fields === undefined) return `${colours.dim(name)}  ${printable(line)}`
  const level = String(fields['log.level'] ?? 'info')
  const paint =
    level === 'error' || level === 'fatal'
      ? colours.red
      : level === 'warn'
        ? colours.yellow
        : colours.dim
  const rest = Object.entries(fields)
    .filter(([key]) => !QUIET.has(key))
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ')
  const time = String(fields['@timestamp'] ?? '').slice(11, 23)
  const who = String(fields['service.node.name'] ?? name)
  const text = `${colours.dim(printable(time))} ${printable(who)} ${paint(printable(level))} ${printable(String(fields.message ?? ''))}`
  return rest === '' ? text : `${text} ${colours.dim(printable(rest))}`
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}
