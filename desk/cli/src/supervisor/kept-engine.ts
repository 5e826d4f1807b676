import { messageOf } from '@countersign/ground/errors'
import type { Log } from '@countersign/ground/telemetry'
import { nextDelay } from './backoff.ts'

/** What we need of a database engine to keep it alive; `@countersign/engines` has such ones. */
export interface EngineLike {
  readonly version: string
  readonly why: string
  readonly pid: number | undefined
  readonly exited: Promise<void>
  stop(): Promise<void>
}
export interface KeptEngine<E extends EngineLike> {
  /** The engine of this moment; after a crash the one before it, until the next one stands. */
  current(): E
  readonly health: 'up' | 'restarting'
  stop(): Promise<void>
}

/**
 * Starts an engine and starts it again whenever it ends. The first start is the caller's to judge: it rejects.
 * Addresses stay the same across restarts, so that nobody has to be told.
 */
export async function keepEngine<E extends EngineLike>(
  name: string,
  start: () => Promise<E>,
  log: Log,
): Promise<KeptEngine<E>> {
  let engine = await start()
  let health: 'up' | 'restarting' = 'up'
  let stopping = false
  const wake = Promise.withResolvers<void>()

  const keepAlive = async (): Promise<void> => {
    let delayMs: number | undefined
    while (!stopping) {
      const startedAt = performance.now()
      await engine.exited
      if (stopping) return
      health = 'restarting'
      delayMs = nextDelay(delayMs, performance.now() - startedAt)
      log.warn({ engine: name, delayMs }, 'the engine ended; it starts again')
      await Promise.race([new Promise((resolve) => setTimeout(resolve, delayMs)), wake.promise])
      if (stopping) return
      try {
        engine = await start()
        health = 'up'
      } catch (error) {
        log.error({ engine: name, reason: messageOf(error) }, 'the engine cannot be started')
      }
    }
  }
  const ended = keepAlive()
  return {
    current: () => engine,
    get health() {
      return health
    },
    stop: async () => {
      stopping = true
      wake.resolve()
      await engine.stop()
      await ended
      // A start that was under way has made a new one by now.
      await engine.stop()
    },
  }
}
