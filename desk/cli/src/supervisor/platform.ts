import { messageOf } from '@countersign/ground/errors'
import { writeFileAtomic } from '@countersign/ground/store'
import type { Log } from '@countersign/ground/telemetry'
import type { Env } from '@countersign/service'
import type { Config } from '../config/config.ts'
import { DeskError } from '../errors.ts'
import { ensureCredentials } from '../home/credentials.ts'
import type { Layout } from '../home/layout.ts'
import { ownFolder } from '../home/prepare.ts'
import { ensureMasterKey } from '../home/secrets.ts'
import { STOP_GROUP_MS_MAX, STOP_MS_MAX } from '../limits.ts'
import { prepareAuthority } from './authority.ts'
import type { PlatformStatus } from './control-protocol.ts'
import { type DeskWorkload, joinAsDesk } from './desk-workload.ts'
import { type Engines, startEngines } from './engines.ts'
import { partSettings } from './part-settings.ts'
import {
  meshEnv,
  PARTS,
  type PlanFacts,
  PORT_COUNT,
  type Ports,
  planOf,
  portsFrom,
  publicUrl,
  STOP_ORDER,
} from './plan.ts'
import { freePorts, requireFreePort } from './ports.ts'
import { probe } from './probe.ts'
import type { ProcessSpec, Runner } from './process-spec.ts'
import { prometheusConfig } from './prometheus-config.ts'
import { writeSeeds } from './seeds.ts'
import { statusOf } from './status.ts'
import { type ProcessState, Supervised } from './supervise.ts'
import { Timeline } from './timeline.ts'

export interface PlatformOptions {
  readonly config: Config
  readonly layout: Layout
  readonly log: Log
  readonly runner: Runner
  readonly mode: PlatformStatus['mode']
  /** Told what the start is at, for whoever watches. */
  readonly onProgress: (text: string) => void
  /** Told when a process that was ready ends. */
  readonly onCrash: (instance: string, state: ProcessState) => void
}

/*
 * The start, in order; what does not wait for another goes side by side:
 * 1. keys, people, ports
 * 2. engines, and the two authorities
 * 3. the desk joins, with a token that was put in place before the authorities ran
 * 4. registry and audit, each with a token that the desk had made
 * 5. all others, once the engines stand
 * The stop goes the other way, group by group (`STOP_ORDER`), and ends with the engines.
 */
export class Platform {
  readonly timeline = new Timeline()
  readonly #options: PlatformOptions
  readonly #since = new Date()
  readonly #supervised: Supervised[] = []
  readonly #stopping = new AbortController()
  #engines: Engines | undefined
  #desk: DeskWorkload | undefined
  #mesh: Env = {}
  #stopped: Promise<void> | undefined
  #ready = false

  constructor(options: PlatformOptions) {
    this.#options = options
  }

  get stopping(): boolean {
    return this.#stopping.signal.aborted
  }

  /** Starts everything. Throws what went wrong first; the caller stops then. */
  async start(): Promise<void> {
    const { config, layout, onProgress } = this.#options
    onProgress('preparing keys and ports')
    await requireFreePort(config.publicPort)
    const ports = portsFrom(await freePorts(PORT_COUNT))
    await Promise.all([ensureMasterKey(layout), ensureCredentials(layout)])
    const deskToken = await prepareAuthority({ config, layout })
    await Promise.all(PARTS.map(({ instance }) => ownFolder(layout.part(instance))))
    this.#mesh = meshEnv({ config, layout, ports })
    this.timeline.mark('prepared')

    onProgress('starting engines and authorities')
    const facts = { config, layout, ports, own: {} }
    const engines = this.#startEngines()
    const joined = this.#startTrust(facts, deskToken)
    // Both are awaited whatever the other does: what one has started must not be lost sight of.
    const [standing, desk] = await Promise.allSettled([engines, joined])
    if (standing.status === 'rejected') throw standing.reason
    if (desk.status === 'rejected') throw desk.reason
    onProgress('starting services')
    await this.#startServices({
      ...facts,
      own: await partSettings({ config, layout, engines: standing.value }),
    })
    await this.#writeRunFiles()
    this.timeline.mark('ready')
    this.#ready = true
    this.#options.log.info({ timeline: this.timeline.marks }, 'the platform is ready')
  }

  /** Stops everything in order; what does not stop in time is killed. Never rejects. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  /** Ends everything at once. */
  async kill(): Promise<void> {
    await Promise.all(this.#supervised.map((each) => each.stop(0)))
    await this.#engines?.stop()
  }

  async status(): Promise<PlatformStatus> {
    const { config, layout, mode } = this.#options
    const desk = this.#desk
    const processes = this.#supervised.map(async (each) => {
      const seen = desk === undefined ? undefined : await probe(desk.link, each.spec)
      return statusOf(each, { seen, trustDomain: config.trustDomain, engines: this.#engines })
    })
    return {
      pid: process.pid,
      since: this.#since.toISOString(),
      ready: this.#ready,
      mode,
      home: layout.root,
      publicUrl: publicUrl(config),
      trustDomain: config.trustDomain,
      processes: await Promise.all(processes),
      engines: this.#engines?.status() ?? [],
      timeline: [...this.timeline.marks],
    }
  }

  /** All that a service of a user needs to join, with a fresh token for its name. */
  async joinEnv({ name, number }: { name: string; number: number }): Promise<Env> {
    if (PARTS.some((part) => part.name === name) || name === 'desk' || name === 'prometheus')
      throw new DeskError('FAILED', `${name} is a name of the platform itself; choose another`)
    if (this.#desk === undefined) throw new DeskError('FAILED', 'the platform is still starting')
    const instance = `${name}-${number}`
    const state = this.#options.layout.part(instance)
    await ownFolder(state)
    const token = await this.#desk.mintToken(name)
    return {
      ...this.#mesh,
      COUNTERSIGN_INSTANCE: instance,
      COUNTERSIGN_LISTEN: '127.0.0.1:0',
      COUNTERSIGN_STATE: state,
      COUNTERSIGN_JOIN_TOKEN: token,
    }
  }

  async #startEngines(): Promise<Engines> {
    const { config, layout, log } = this.#options
    const engines = await startEngines({ config, layout, log, timeline: this.timeline })
    this.#engines = engines
    if (this.#stopping.signal.aborted) await engines.stop()
    return engines
  }

  /** Authorities first, since all others need them; then the desk; then where everybody is found and recorded. */
  async #startTrust(facts: PlanFacts, deskToken: string): Promise<void> {
    const specs = planOf(facts)
    await this.#launch(specs.filter((spec) => spec.name === 'authority'))
    this.timeline.mark('authorities ready')
    const { config, layout, log } = this.#options
    this.#desk = await joinAsDesk({
      trustDomain: config.trustDomain,
      mesh: this.#mesh,
      layout,
      log,
      token: deskToken,
    })
    this.timeline.mark('desk joined')
    await this.#launch(specs.filter((spec) => spec.name === 'registry' || spec.name === 'audit'))
    this.timeline.mark('registry and audit ready')
  }

  async #startServices(facts: PlanFacts): Promise<void> {
    const begun: ReadonlySet<string> = new Set(this.#supervised.map((each) => each.spec.instance))
    await this.#launch(planOf(facts).filter((spec) => !begun.has(spec.instance)))
  }

  async #launch(specs: readonly ProcessSpec[]): Promise<void> {
    const { runner, log, onCrash } = this.#options
    if (this.#stopping.signal.aborted) throw new DeskError('FAILED', 'stopped while starting')
    const launched = specs.map((spec) => {
      let wasReady = false
      const onChange = (state: ProcessState): void => {
        if (wasReady && state.status === 'waiting') onCrash(spec.instance, state)
        if (state.status === 'ready' && !wasReady) this.timeline.mark(`${spec.instance} ready`)
        wasReady = state.status === 'ready'
      }
      return new Supervised({ spec, runner, log, onChange, prepare: () => this.#prepare(spec) })
    })
    this.#supervised.push(...launched)
    await Promise.all(launched.map((each) => each.firstReady))
  }

  async #prepare(spec: ProcessSpec): Promise<Env> {
    if (!spec.joins) return spec.env
    if (this.#desk === undefined) throw new Error('broken invariant: a part joins before the desk')
    return { ...spec.env, COUNTERSIGN_JOIN_TOKEN: await this.#desk.mintToken(spec.name) }
  }

  async #writeRunFiles(): Promise<void> {
    const { config, layout } = this.#options
    const specs = this.#supervised.map((each) => each.spec)
    const { trustDomain } = config
    const seeds = specs.map(({ name, port }) => ({ name, host: '127.0.0.1', port }))
    await Promise.all([
      writeSeeds(layout, { trustDomain, publicUrl: publicUrl(config), seeds }),
      writeFileAtomic(layout.prometheus, prometheusConfig({ specs, layout, trustDomain })),
    ])
  }

  async #stop(): Promise<void> {
    const { log } = this.#options
    this.#stopping.abort()
    this.#ready = false
    const end = performance.now() + STOP_MS_MAX
    for (const names of STOP_ORDER) {
      const left = Math.max(0, end - performance.now())
      const group = this.#supervised.filter((each) => names.includes(each.spec.name))
      await Promise.all(group.map((each) => each.stop(Math.min(STOP_GROUP_MS_MAX, left))))
    }
    await this.#desk?.close()
    await this.#engines
      ?.stop()
      .catch((error: unknown) => log.error({ reason: messageOf(error) }, 'an engine does not stop'))
  }
}
