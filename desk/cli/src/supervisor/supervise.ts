import { messageOf } from '@countersign/ground/errors'
import type { Log } from '@countersign/ground/telemetry'
import { type Env, EXIT_CERTIFICATE_LOST } from '@countersign/service'
import { FIRST_START_ATTEMPTS_MAX, READY_MS_MAX } from '../limits.ts'
import { nextDelay } from './backoff.ts'
import { NotStarted } from './not-started.ts'
import { pause } from './pause.ts'
import {
  EXIT_CONFIG,
  type Exit,
  type ProcessSpec,
  type Runner,
  type Running,
} from './process-spec.ts'

type ProcessStatus = 'waiting' | 'starting' | 'ready' | 'stopping' | 'stopped' | 'failed'
export interface ProcessState {
  readonly status: ProcessStatus
  readonly pid: number | undefined
  readonly restarts: number
  readonly readyAt: Date | undefined
  readonly lastExit: Exit | undefined
  /** What it said of its last failure. */
  readonly failure: string | undefined
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
export class Supervised {
  readonly spec: ProcessSpec
  readonly #options: SuperviseOptions
  readonly #first = Promise.withResolvers<void>()
  readonly #stopping = new AbortController()
  readonly #ended: Promise<void>
  #running: Running | undefined
  #state: ProcessState = {
    status: 'waiting',
    pid: undefined,
    restarts: 0,
    readyAt: undefined,
    lastExit: undefined,
    failure: undefined,
  }

  constructor(options: SuperviseOptions) {
    this.#options = options
    this.spec = options.spec
    this.#first.promise.catch(() => undefined)
    this.#ended = this.#keepAlive()
  }

  get state(): ProcessState {
    return this.#state
  }
  /** Settles when it is ready for the first time; rejects with `NotStarted` when it ended too often before that. */
  get firstReady(): Promise<void> {
    return this.#first.promise
  }

  /** Tells it that everything ends, so that its own end need not be slow. */
  announceEnd(): void {
    this.#running?.announceEnd()
  }

  /** Ends it for good: orderly until `timeoutMs` is over, then at once. Never rejects. */
  async stop(timeoutMs: number): Promise<void> {
    this.#stopping.abort()
    if (this.#running !== undefined) this.#change({ status: 'stopping' })
    this.#running?.stop()
    const late = setTimeout(() => this.#running?.kill(), timeoutMs)
    await this.#ended
    clearTimeout(late)
  }

  async #keepAlive(): Promise<void> {
    let delayMs: number | undefined
    while (!this.#stopping.signal.aborted) {
      const startedAt = performance.now()
      const exit = await this.#once()
      if (this.#stopping.signal.aborted) break
      delayMs = nextDelay(
        this.#isFirstLoss(exit) ? undefined : delayMs,
        performance.now() - startedAt,
      )
      this.#noteEnd(exit, delayMs)
      if (this.#isHopeless(exit)) {
        this.#change({ status: 'failed' })
        return this.#first.reject(new NotStarted(this.spec.instance, this.#state))
      }
      await pause(delayMs, this.#stopping.signal)
    }
    this.#change({ status: 'stopped', pid: undefined })
    this.#first.reject(new NotStarted(this.spec.instance, this.#state))
  }

  /** One life, from the token to the end; `undefined` where it could not even begin. */
  async #once(): Promise<Exit | undefined> {
    const { prepare, runner, log } = this.#options
    try {
      const env = await prepare()
      if (this.#stopping.signal.aborted) return undefined
      const running = await runner.start(this.spec, env)
      this.#running = running
      this.#change({ status: 'starting', pid: running.pid })
      if (this.#stopping.signal.aborted) running.stop()
      return await this.#live(running)
    } catch (error) {
      this.#change({ failure: messageOf(error) })
      log.warn({ instance: this.spec.instance, reason: messageOf(error) }, 'cannot be started')
      return undefined
    }
  }

  async #live(running: Running): Promise<Exit> {
    const late = setTimeout(() => {
      this.#options.log.warn({ instance: this.spec.instance }, 'not ready in time; it is ended')
      running.kill()
    }, this.#options.readyMsMax ?? READY_MS_MAX)
    void running.ready.then(() => {
      clearTimeout(late)
      if (this.#running !== running || this.#stopping.signal.aborted) return
      this.#change({ status: 'ready', readyAt: new Date() })
      this.#first.resolve()
    })
    const exit = await running.exited
    clearTimeout(late)
    this.#running = undefined
    const failure = running.failure()
    if (failure !== undefined) this.#change({ failure })
    return exit
  }

  #noteEnd(exit: Exit | undefined, delayMs: number): void {
    const restarts = this.#state.restarts + 1
    const last = exit === undefined ? {} : { lastExit: exit }
    this.#change({ status: 'waiting', pid: undefined, restarts, ...last })
    this.#options.log.warn(
      { instance: this.spec.instance, ...exit, delayMs },
      'ended; it starts again',
    )
  }

  /** Who lost its certificate joins anew at once, however often it crashed before. */
  #isFirstLoss(exit: Exit | undefined): boolean {
    const { lastExit } = this.#state
    return exit?.code === EXIT_CERTIFICATE_LOST && lastExit?.code !== EXIT_CERTIFICATE_LOST
  }

  /** What was ready once is started again for ever. */
  #isHopeless(exit: Exit | undefined): boolean {
    if (this.#state.readyAt !== undefined) return false
    return this.#state.restarts >= FIRST_START_ATTEMPTS_MAX || exit?.code === EXIT_CONFIG
  }

  #change(next: Partial<ProcessState>): void {
    this.#state = { ...this.#state, ...next }
    this.#options.onChange?.(this.#state, this.spec)
  }
}
