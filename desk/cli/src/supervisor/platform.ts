import { messageOf } from '@countersign/ground/errors'
import type { Log } from '@countersign/ground/telemetry'
import type { Env } from '@countersign/service'
import type { Config } from '../config/config.ts'
import type { Layout } from '../home/layout.ts'
import { DeskError } from '../errors.ts'
import { SETTLE_MS_MAX, STOP_MS_MAX } from '../limits.ts'
import { newDeskToken } from './authority.ts'
import { outsideUrl } from './authority-env.ts'
import type { PlatformStatus } from './control-protocol.ts'
import { Crew } from './crew.ts'
import { type DeskWorkload, joinAsDesk } from './desk-workload.ts'
import { type Engines, startEngines } from './engines.ts'
import { joinEnv } from './join-env.ts'
import { type Ground, layGround } from './lay-ground.ts'
import { partSettings } from './part-settings.ts'
import { partsOf, STOP_ORDER } from './parts.ts'
import * as plan from './plan.ts'
import { probe, type Seen } from './probe.ts'
import type { ProcessSpec, Runner } from './process-spec.ts'
import { writeRunFiles } from './run-files.ts'
import { statusOf } from './status.ts'
import type { ProcessState } from './supervise.ts'
import { Timeline } from './timeline.ts'
import { untilReady, type Waiting, waitingWords } from './until-ready.ts'

export interface PlatformOptions {
  readonly config: Config
  readonly layout: Layout
  readonly log: Log
  readonly runner: Runner
  /** Our own environment. */
  readonly env: Env
  readonly mode: PlatformStatus['mode']
  /** Told what the start is at, for whoever watches. */
  readonly onProgress: (text: string) => void
  /** Told when a process that was ready ends by itself. */
  readonly onCrash: (instance: string, state: ProcessState) => void
}

/*
 * The start, in order; what does not wait for another goes side by side:
 * 1. keys, people, ports
 * 2. engines, and the authorities
 * 3. the desk joins, with a token that was put in place before the authorities ran
 * 4. registry and audit, each with a token that the desk had made
 * 5. all others, once the engines stand
 * The stop goes the other way, group by group (`STOP_ORDER`), and ends with the engines.
 */
export class Platform {
  readonly timeline = new Timeline()
  readonly #options: PlatformOptions
  readonly #since = new Date()
  readonly #crew: Crew
  #engines: Engines | undefined
  #desk: DeskWorkload | undefined
  #mesh: Env = {}
  #releasePorts: Ground['releasePorts'] = async () => {}
  #pages: readonly string[] = []
  #stopped: Promise<void> | undefined
  #ready = false

  constructor(options: PlatformOptions) {
    this.#options = options
    const { runner, log, onCrash } = options
    this.#crew = new Crew({
      runner,
      log,
      onCrash,
      onReady: (instance) => this.timeline.mark(`${instance} ready`),
      prepare: (spec) => this.#prepare(spec),
    })
  }

  get stopping(): boolean {
    return this.#stopped !== undefined
  }

  /** Starts everything. Throws what went wrong first; the caller stops then. */
  async start(): Promise<void> {
    const { config, layout, onProgress, env, log } = this.#options
    onProgress('preparing keys and ports')
    const { facts, deskToken } = await this.#lay()
    onProgress('starting engines and authorities')
    // Both are awaited whatever the other does: what one has started must not be lost sight of.
    const [engines, trust] = await Promise.allSettled([
      this.#startEngines(),
      this.#startTrust(facts, deskToken),
    ])
    if (engines.status === 'rejected') throw engines.reason
    if (trust.status === 'rejected') throw trust.reason
    onProgress('starting services')
    const own = await partSettings({ config, layout, engines: engines.value, env })
    const begun = new Set(this.#crew.members.map((each) => each.spec.instance))
    await this.#crew.launch(
      plan.planOf({ ...facts, own }).filter(({ instance }) => !begun.has(instance)),
    )
    const specs = this.#crew.members.map((each) => each.spec)
    await writeRunFiles({ specs, layout, config, log, desk: this.#desk })
    onProgress('waiting until all are ready')
    const waiting = await this.#settle(specs)
    if (waiting.length > 0) log.warn({ waiting }, 'not all are ready')
    this.timeline.mark('ready')
    this.#ready = true
    log.info({ timeline: this.timeline.marks }, 'the platform is ready')
  }

  /** Stops everything in order; what does not stop in time is killed. Never rejects. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop(() => this.#crew.stop(STOP_ORDER, STOP_MS_MAX))
    return this.#stopped
  }

  /** Ends everything at once, also where an orderly stop is under way. */
  kill(): Promise<void> {
    return this.#stop(() => this.#crew.kill())
  }

  stopPart(instance: string): Promise<void> {
    return this.#crew.stopPart(instance)
  }

  async startPart(instance: string): Promise<void> {
    await this.#crew.startPart(instance)
    await this.#settlePart(instance)
  }

  async restartPart(instance: string): Promise<void> {
    await this.#crew.restartPart(instance)
    await this.#settlePart(instance)
  }

  async status(): Promise<PlatformStatus> {
    const { config, layout, mode } = this.#options
    const processes = this.#crew.members.map(async (each) => {
      const seen = await this.#ask(each.spec)
      return statusOf(each, { seen, trustDomain: config.trustDomain, engines: this.#engines })
    })
    return {
      pid: process.pid,
      since: this.#since.toISOString(),
      ready: this.#ready,
      mode,
      home: layout.root,
      publicUrl: plan.publicUrl(config),
      trustDomain: config.trustDomain,
      authorityPages: [...this.#pages],
      processes: await Promise.all(processes),
      engines: this.#engines?.status() ?? [],
      timeline: [...this.timeline.marks],
    }
  }

  /** All that a service of a user needs to join, with a fresh token for its name. */
  joinEnv(wanted: { name: string; number: number }): Promise<Env> {
    const { config, layout } = this.#options
    const own = partsOf(config).map(({ instance }) => instance)
    return joinEnv(wanted, { mesh: this.#mesh, layout, desk: this.#desk, own })
  }

  async #lay(): Promise<Ground> {
    const ground = await layGround(this.#options)
    const { config } = this.#options
    this.#releasePorts = ground.releasePorts
    const { ports } = ground.facts
    this.#pages = Object.keys(ports.outside).map((instance) =>
      outsideUrl(instance, { config, ports }),
    )
    this.#mesh = plan.meshEnv(ground.facts)
    this.timeline.mark('prepared')
    return ground
  }

  async #startEngines(): Promise<Engines> {
    const { config, layout, log } = this.#options
    const engines = await startEngines({ config, layout, log, timeline: this.timeline })
    this.#engines = engines
    if (this.stopping) await engines.stop()
    return engines
  }

  /** Authorities first, since all others need them; then the desk; then where everybody is found and recorded. */
  async #startTrust(facts: plan.PlanFacts, deskToken: string): Promise<void> {
    const { config, layout, log } = this.#options
    const specs = plan.planOf(facts)
    await this.#crew.launch(specs.filter(({ name }) => name === 'authority'))
    this.#desk = await joinAsDesk({
      trustDomain: config.trustDomain,
      mesh: this.#mesh,
      layout,
      log,
      token: deskToken,
      newToken: () => this.#newDeskToken(),
    })
    this.timeline.mark('desk joined')
    await this.#crew.launch(specs.filter(({ name }) => name === 'registry' || name === 'audit'))
  }

  /** An authority takes a token that was put beside it when it starts: one of them does so now. */
  async #newDeskToken(): Promise<string> {
    const token = await newDeskToken(this.#options.layout)
    await this.#crew.restartOne('authority')
    return token
  }

  async #ask(spec: ProcessSpec): Promise<Seen | undefined> {
    return this.#desk === undefined ? undefined : probe(this.#desk.link, spec)
  }

  /** Those that are not ready in time. Authorities are not asked: while they are away, so may be our way to ask. */
  #settle(specs: readonly ProcessSpec[]): Promise<readonly Waiting[]> {
    const asked = specs.filter(({ joins }) => joins)
    const ask = (spec: ProcessSpec): Promise<Seen | undefined> => this.#ask(spec)
    return untilReady(asked, { ask, withinMs: SETTLE_MS_MAX, over: () => this.stopping })
  }

  async #settlePart(instance: string): Promise<void> {
    const specs = this.#crew.members.map((each) => each.spec)
    const waiting = await this.#settle(specs.filter((spec) => spec.instance === instance))
    if (waiting.length > 0)
      throw new DeskError('FAILED', `runs, and is not ready: ${waitingWords(waiting)}`)
  }

  async #prepare(spec: ProcessSpec): Promise<Env> {
    if (!spec.joins) return spec.env
    if (this.#desk === undefined) throw new Error('broken invariant: a part joins before the desk')
    return { ...spec.env, COUNTERSIGN_JOIN_TOKEN: await this.#desk.mintToken(spec.name) }
  }

  async #stop(stopCrew: () => Promise<void>): Promise<void> {
    this.#ready = false
    await stopCrew()
    await this.#releasePorts()
    await this.#desk?.close()
    await this.#engines?.stop().catch((error: unknown) => {
      this.#options.log.error({ reason: messageOf(error) }, 'an engine does not stop')
    })
  }
}
