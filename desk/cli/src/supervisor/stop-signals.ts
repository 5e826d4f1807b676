import { SECOND_SIGNAL_MS_MIN } from '../limits.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Calls `first` at the first signal to stop and `second` at one that comes later. Ctrl-C arrives several times at once,
 * from the terminal and from npm: what follows within a second is the same wish. Returns the way to stop listening.
 */
export function onStopSignals(calls: { first(): void; second(): void }): () => void {
  let firstAt: number | undefined
  const listen = (): void => {
    const now = performance.now()
    if (firstAt === undefined) {
      firstAt = now
      calls.first()
    } else if (now - firstAt >= SECOND_SIGNAL_MS_MIN) calls.second()
  }
  for (const signal of SIGNALS) process.on(signal, listen)
  return () => {
    for (const signal of SIGNALS) process.off(signal, listen)
  }
}
