import type { Log } from '@countersign/ground/telemetry'
import type { Env } from '@countersign/service'
import { DeskError } from '../errors.ts'
import { RESTART_STOP_MS_MAX, STOP_GROUP_MS_MAX, STOP_PART_MS_MAX } from '../limits.ts'
import { suggest } from '../config/suggest.ts'
import type { ProcessSpec, Runner } from './process-spec.ts'
import { type ProcessState, Supervised } from './supervise.ts'

export interface CrewOptions {
  readonly runner: Runner
  readonly log: Log
  /** The environment of the next start of a process: with a fresh join token. */
  readonly prepare: (spec: ProcessSpec) => Promise<Env>
  readonly onReady: (instance: string) => void
  /** Told when a process that was ready ends by itself. */
  readonly onCrash: (instance: string, state: ProcessState) => void
}

/** The processes of a platform, each kept alive. */
export class Crew {
  readonly #options: CrewOptions
  readonly #members = new Map<string, Supervised>()
  #closed = false
  #restarts = 0

  constructor(options: CrewOptions) {
    this.#options = options
  }

  get members(): readonly Supervised[] {
    return [...this.#members.values()]
  }

  /** Starts processes side by side and waits until all are ready. Throws `NotStarted` of the first that is not. */
  async launch(specs: readonly ProcessSpec[]): Promise<void> {
    if (this.#closed) throw new DeskError('FAILED', 'stopped while starting')
    await Promise.all(specs.map((spec) => this.#start(spec).firstReady))
  }

  /** Stops one process and leaves it stopped. */
  async stopPart(instance: string): Promise<void> {
    await this.#find(instance).stop(STOP_PART_MS_MAX)
  }

  /** Starts a process that was stopped. */
  async startPart(instance: string): Promise<void> {
    const { spec, state } = this.#find(instance)
    if (!['stopped', 'failed'].includes(state.status))
      throw new DeskError('ALREADY_RUNNING', `${instance} runs already (${state.status})`)
    await this.launch([spec])
  }

  /** Stops one process with time for what is under way on it, and starts it again. */
  async restartPart(instance: string): Promise<void> {
    const { spec, state } = this.#find(instance)
    if (['stopped', 'failed'].includes(state.status))
      throw new DeskError(
        'FAILED',
        `${instance} does not run; start it with: countersign up ${instance}`,
      )
    await this.#find(instance).stop(RESTART_STOP_MS_MAX)
    await this.launch([spec])
  }

  /** Starts one of a name anew: at each call the next one, never one that somebody has stopped. */
  async restartOne(name: string): Promise<void> {
    const group = this.members.filter(
      ({ spec, state }) => spec.name === name && state.status !== 'stopped',
    )
    const [one] = group.slice(this.#restarts++ % Math.max(1, group.length))
    if (one === undefined) throw new DeskError('FAILED', `no ${name} runs`)
    await this.stopPart(one.spec.instance)
    await this.startPart(one.spec.instance)
  }

  /** Stops all, group by group. What does not end in its time is killed. Never rejects. */
  async stop(order: readonly (readonly string[])[], timeoutMs: number): Promise<void> {
    this.#closed = true
    for (const each of this.members) each.announceEnd()
    const end = performance.now() + timeoutMs
    for (const names of order) {
      const left = Math.max(0, end - performance.now())
      const group = this.members.filter((each) => names.includes(each.spec.name))
      await Promise.all(group.map((each) => each.stop(Math.min(STOP_GROUP_MS_MAX, left))))
    }
  }

  /** Ends all at once. Never rejects. */
  async kill(): Promise<void> {
    this.#closed = true
    await Promise.all(this.members.map((each) => each.stop(0)))
  }

  #start(spec: ProcessSpec): Supervised {
    const { runner, log, prepare, onReady, onCrash } = this.#options
    let wasReady = false
    const supervised = new Supervised({
      spec,
      runner,
      log,
      prepare: () => prepare(spec),
      onChange: (state) => {
        if (wasReady && state.status === 'waiting') onCrash(spec.instance, state)
        if (!wasReady && state.status === 'ready') onReady(spec.instance)
        wasReady = state.status === 'ready'
      },
    })
    this.#members.set(spec.instance, supervised)
    return supervised
  }

  #find(instance: string): Supervised {
    const found = this.#members.get(instance)
    if (found !== undefined) return found
    const known = [...this.#members.keys()]
    const meant = suggest(instance, known)
    const hint = meant === undefined ? `there are ${known.join(', ')}` : `did you mean ${meant}?`
    throw new DeskError('USAGE', `there is no process ${JSON.stringify(instance)}; ${hint}`)
  }
}
