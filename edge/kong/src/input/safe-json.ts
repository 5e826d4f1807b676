import { DEPTH_MAX } from '../limits.ts'

/**
 * A copy of parsed JSON or YAML in which no object has a prototype, so that a field can have any name. `undefined` where it
 * nests deeper than anything of ours.
 */
export function safeCopy(value: unknown, depth = 0): unknown {
  if (depth > DEPTH_MAX) return undefined
  if (Array.isArray(value)) return value.map((each) => safeCopy(each, depth + 1) ?? null)
  if (typeof value !== 'object' || value === null) return value
  const copy = Object.create(null) as Record<string, unknown>
  for (const [key, each] of Object.entries(value)) copy[key] = safeCopy(each, depth + 1)
  return copy
}

/** Equal in JSON, whatever the order of fields. */
export function sameJson(a: unknown, b: unknown): boolean {
  return stableText(a) === stableText(b)
}
/** JSON with fields in the order of their names. */
export function stableText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(stableText).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const entries = Object.entries(value)
    .filter(([, each]) => each !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, each]) => `${JSON.stringify(key)}:${stableText(each)}`).join(',')}}`
}
