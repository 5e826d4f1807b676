import type { ContractDescriptor } from '@countersign/contract'
import { workloadId } from '@countersign/contract'
import type { HealthEntry, NewAuditEvent } from '@countersign/contract/platform'
import { createLog, Metrics } from '@countersign/ground/telemetry'
import { until } from '@countersign/ground/testkit'
import { EMPTY_CONFIG, type KongConfig, type Plugin } from '@countersign/kong'
import { NOTHING_TAKEN_BACK, Refusal } from '@countersign/layers'
import { parseCsr } from '@countersign/ground/x509'
import type { Workload } from '@countersign/service'
import { readGatewaySettings } from '../config/settings.ts'
import type { Names } from '../upstream/names.ts'
import { createGateway, type Gateway } from '../gateway.ts'
import { identityMount, order } from './contracts.ts'
import { ControlPlane, type HealthReport } from './control-plane.ts'
import {
  createCredential,
  createDoorCertificate,
  createPki,
  type Pki,
  TRUST_DOMAIN,
} from './pki.ts'
import { ISSUER, TokenIssuer } from './token-issuer.ts'
import { UpstreamServer } from './upstream-server.ts'

export { identityMount, order } from './contracts.ts'

/* Everything around a gateway that a test needs: certificates, tokens, services, and the little of a workload it uses. */

/** A value that a test changes, as a watch. */
class Changing<T> {
  readonly #listeners = new Set<() => void>()
  readonly stale = false
  readonly first = Promise.resolve()
  value: T
  constructor(value: T) {
    this.value = value
  }
  set(value: T): void {
    this.value = value
    for (const listener of this.#listeners) listener()
  }
  current(): T {
    return this.value
  }
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
  close(): void {}
}

export interface Running {
  readonly gateway: Gateway
  readonly port: number
  readonly events: NewAuditEvent[]
  readonly metrics: Metrics
  readonly logLines: string[]
  /** What the test may turn: the spool being full. */
  readonly audit: { full: boolean }
  readonly issued: string[]
}

export class House {
  readonly control = new ControlPlane()
  readonly pki: Pki
  readonly tokens = new TokenIssuer()
  readonly contracts = new Changing<readonly ContractDescriptor[]>([order, identityMount])
  readonly #instances = new Map<string, Changing<readonly HealthEntry[]>>()
  readonly #closers: (() => unknown)[] = []
  #gateways = 0
  doorLifeMs = 3_600_000
  keysAreAway = false
  /** Keys are told when this is over. */
  keysWait: Promise<unknown> = Promise.resolve()
  keysAsked = 0
  /** Clock of the breakers of gateways that are opened from now on. */
  breakerNow: (() => number) | undefined
  /** Their name service. */
  names: Names | undefined

  private constructor(pki: Pki) {
    this.pki = pki
  }
  static async build(): Promise<House> {
    return new House(await createPki())
  }

  instances(name: string): Changing<readonly HealthEntry[]> {
    const known = this.#instances.get(name) ?? new Changing<readonly HealthEntry[]>([])
    this.#instances.set(name, known)
    return known
  }
  /** Starts an instance and registers it. */
  async service(id: string, as?: string): Promise<UpstreamServer> {
    const server = await UpstreamServer.start(this.pki, id, as)
    this.#closers.push(() => server.kill())
    const watch = this.instances(server.name)
    watch.set([...watch.value, server.entry])
    return server
  }

  /** Gives gateways a new configuration, and waits until each has it, or has said why not. */
  async configure(
    config: Partial<KongConfig>,
    overrides: Parameters<ControlPlane['set']>[1] = [],
  ): Promise<void> {
    const version = this.control.set({ ...EMPTY_CONFIG, ...config }, overrides)
    await until(
      () =>
        this.control.said.size === this.#gateways &&
        [...this.control.said.values()].every(
          (s) => s.applied === version || s.fault !== undefined,
        ),
      `version ${version} is served`,
      20_000,
    )
  }

  async gateway(
    env: Record<string, string> = {},
    plugins: readonly Plugin[] = [],
  ): Promise<Running> {
    const events: NewAuditEvent[] = []
    const metrics = new Metrics()
    const logLines: string[] = []
    const audit = { full: false }
    const issued: string[] = []
    const workload = await this.#workload({ events, metrics, logLines, audit, issued })
    const settings = readGatewaySettings({ COUNTERSIGN_ISSUER: ISSUER, ...env })
    const gateway = await createGateway(settings, workload, {
      plugins,
      breakerNow: this.breakerNow,
      names: this.names,
    })
    this.#closers.push(() => gateway.close())
    if (!this.control.isAway) await until(() => gateway.ready(), 'the gateway is ready')
    return { gateway, port: gateway.address.port, events, metrics, logLines, audit, issued }
  }
  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close()
  }

  async #workload(kept: Omit<Running, 'gateway' | 'port'>): Promise<Workload<'gateway'>> {
    const credential = await createCredential(this.pki, 'gateway')
    const instance = `gateway-${++this.#gateways}`
    const answers = {
      configuration: (
        { query }: { query: Parameters<ControlPlane['answer']>[0] },
        { signal }: { signal: AbortSignal },
      ) => this.control.answer(query, signal),
      reportHealth: async ({ body }: { body: HealthReport }) => {
        this.control.health.set(body.instance, body.targets)
      },
      keys: async () => {
        this.keysAsked++
        await this.keysWait
        if (this.keysAreAway) throw new Error('identity is away')
        return { keys: [this.tokens.jwk] }
      },
      publicDoor: async ({ body }: { body: { csr: string } }) => {
        const chain = await createDoorCertificate(
          this.pki,
          parseCsr(body.csr).publicKey,
          this.doorLifeMs,
        )
        kept.issued.push(chain)
        return { chain, bundle: this.pki.bundle, sequence: 1 }
      },
    }
    return {
      name: 'gateway',
      instance,
      trustDomain: TRUST_DOMAIN,
      identity: {
        id: workloadId(TRUST_DOMAIN, 'gateway'),
        current: () => credential,
        bundle: () => this.pki.bundle,
        onChange: () => () => {},
        renewals: 0,
        revocations: NOTHING_TAKEN_BACK,
      },
      log: createLog({
        ...{ service: 'gateway', node: 'gateway-1', level: 'debug' },
        destination: { write: (line: string) => void kept.logLines.push(line) },
      }),
      metrics: kept.metrics,
      audit: {
        record: (event) => void kept.events.push(event),
        recordDurably: async (event) => {
          if (kept.audit.full)
            throw new Refusal('AUDIT_UNAVAILABLE', {
              rule: 'audit: the spool is full',
              remedy: 'wait',
            })
          kept.events.push(event)
        },
        flush: async () => 0,
      },
      instances: (name) => this.instances(name),
      contracts: () => this.contracts,
      spans: undefined,
      call: () => answers as never,
      callAt: () => answers as never,
      close: async () => {},
    }
  }
}
