import { HOLD_MS_MAX, WAIT_JITTER_PART, WAIT_MS_DEFAULT, WAIT_MS_MAX } from '../limits.ts'

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000 }

/**
 * How long a blocking query is held, from Consul's `wait` (`30s`, `5m`, `500ms`). Nothing, zero or nonsense is the default.
 * `chance` (0 to 1) spreads waiters over a sixteenth more.
 */
export function waitMs(wait: string | undefined, chance: number): number {
  const [, count, unit = ''] = /^([0-9]{1,6})(ms|s|m)$/.exec(wait ?? '') ?? []
  const asked = Number(count ?? 0) * (UNITS[unit] ?? 0)
  const base = Math.min(asked > 0 ? asked : WAIT_MS_DEFAULT, WAIT_MS_MAX)
  return Math.min(Math.round(base * (1 + chance * WAIT_JITTER_PART)), HOLD_MS_MAX)
}
