import { messageOf } from '@countersign/ground/errors'
import type { Log } from '@countersign/ground/telemetry'
import type { Env } from '@countersign/service'
import { FIRST_START_ATTEMPTS_MAX, READY_MS_MAX } from '../limits.ts'
import { nextDelay } from './backoff.ts'
import type { Exit, ProcessSpec, Runner, Running } from './process-spec.ts'

export type ProcessStatus = 'waiting' | 'starting' | 'ready' | 'stopping' | 'stopped' | 'failed'
export interface ProcessState {
  readonly status: ProcessStatus
  readonly pid: number | undefined
  readonly restarts: number
  readonly readyAt: Date | undefined
  readonly lastExit: Exit | undefined
}

/** A process that is kept alive. */
export interface Supervised {
  readonly spec: ProcessSpec
  state(): ProcessState
  /** Settles when it is ready for the first time; rejects when it ended too often before that. */
  readonly firstReady: Promise<void>
  /** Ends it for good: orderly until `timeoutMs` is over, then at once. Never rejects. */
  stop(timeoutMs: number): Promise<void>
}

export interface SuperviseOptions {
  readonly spec: ProcessSpec
  readonly runner: Runner
  /** Called before each start: the environment with what must be new, above all the join token. */
  readonly prepare: () => Promise<Env>
  readonly log: Log
  readonly onChange?: (state: ProcessState, spec: ProcessSpec) => void
  readonly readyMsMax?: number
}

/** Starts a process and starts it again, after a growing wait, whenever it ends. */
export function supervise(options: SuperviseOptions): Supervised {
  const { spec } = options
  const first = Promise.withResolvers<void>()
  first.promise.catch(() => undefined)
  const stopping = new AbortController()
  let running: Running | undefined
  let state: ProcessState = {
    status: 'waiting',
    pid: undefined,
    restarts: 0,
    readyAt: undefined,
    lastExit: undefined,
  }
  const change = (next: Partial<ProcessState>): void => {
    state = { ...state, ...next }
    options.onChange?.(state, spec)
  }

  async function once(): Promise<Exit> {
    const env = await options.prepare()
    if (stopping.signal.aborted) return { code: 0, signal: null }
    const current = await options.runner.start(spec, env)
    running = current
    change({ status: 'starting', pid: current.pid })
    const late = setTimeout(() => {
      options.log.warn({ instance: spec.instance }, 'not ready in time; it is ended')
      current.kill()
    }, options.readyMsMax ?? READY_MS_MAX)
    void current.ready.then(() => {
      clearTimeout(late)
      if (running !== current || stopping.signal.aborted) return
      change({ status: 'ready', readyAt: new Date() })
      first.resolve()
    })
    if (stopping.signal.aborted) current.stop()
    const exit = await current.exited
    clearTimeout(late)
    running = undefined
    return exit
  }

  async function keepAlive(): Promise<void> {
    let delayMs: number | undefined
    while (!stopping.signal.aborted) {
      const startedAt = performance.now()
      const exit = await once().catch((error: unknown) => {
        options.log.warn({ instance: spec.instance, reason: messageOf(error) }, 'cannot be started')
        return undefined
      })
      if (stopping.signal.aborted) break
      delayMs = nextDelay(delayMs, performance.now() - startedAt)
      const restarts = state.restarts + 1
      change({
        status: 'waiting',
        pid: undefined,
        restarts,
        ...(exit === undefined ? {} : { lastExit: exit }),
      })
      options.log.warn({ instance: spec.instance, ...exit, delayMs }, 'ended; it starts again')
      if (state.readyAt === undefined && restarts >= FIRST_START_ATTEMPTS_MAX) {
        change({ status: 'failed' })
        return first.reject(
          new Error(`${spec.instance} ended ${restarts} times before it was ready`),
        )
      }
      await pause(delayMs, stopping.signal)
    }
    change({ status: 'stopped', pid: undefined })
    first.reject(new Error(`${spec.instance} was stopped before it was ready`))
  }

  const ended = keepAlive()
  return {
    spec,
    state: () => state,
    firstReady: first.promise,
    stop: async (timeoutMs) => {
      if (!stopping.signal.aborted) {
        stopping.abort()
        if (running !== undefined) change({ status: 'stopping' })
      }
      running?.stop()
      const late = setTimeout(() => running?.kill(), timeoutMs)
      await ended
      clearTimeout(late)
    },
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms)
    function done(): void {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    if (signal.aborted) done()
    else signal.addEventListener('abort', done, { once: true })
  })
}
