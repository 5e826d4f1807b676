import type { Env } from '@countersign/service'

const NAMES: ReadonlySet<string> = new Set([
  'HOME',
  'LANG',
  'LC_ALL',
  'NODE_COMPILE_CACHE',
  'PATH',
  'TMPDIR',
  'TZ',
])

/** What parts get of our own environment: where programs are, and where traces go. Nothing else, no secret above all. */
export function inheritedEnv(env: Env): Env {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => NAMES.has(name) || name.startsWith('OTEL_')),
  )
}
