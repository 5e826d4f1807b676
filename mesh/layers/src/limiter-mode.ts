import type { Log, Metrics } from '@countersign/ground/telemetry'

/** Who decides: see limiter-redis.ts. */
export type LimiterMode = 'redis' | 'local' | 'settling'

/** One line and one count for each change of mode. */
export function showMode(options: {
  readonly log: Log
  readonly metrics?: Metrics
}): (mode: LimiterMode, reason: string) => void {
  const { log, metrics } = options
  const gauge = metrics?.gauge(
    'countersign_limiter_mode',
    'Which way limits are decided: exactly by Redis, or by the share of this instance.',
    ['mode'],
  )
  const changes = metrics?.counter(
    'countersign_limiter_transitions_total',
    'Changes of the way in which limits are decided, by the new one.',
    ['mode'],
  )
  return (mode, reason) => {
    gauge?.set({ mode: 'redis' }, mode === 'redis' ? 1 : 0)
    gauge?.set({ mode: 'local' }, mode === 'redis' ? 0 : 1)
    changes?.inc({ mode })
    if (mode === 'local')
      log.warn({ mode, reason }, 'limits: Redis is away, this instance keeps to its share')
    else log.info({ mode }, 'limits: Redis decides')
  }
}
