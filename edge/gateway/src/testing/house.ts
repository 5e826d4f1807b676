import type { ContractDescriptor } from '@countersign/contract'
import { contract, describe, endpoint, workloadId } from '@countersign/contract'
import type { HealthEntry, NewAuditEvent } from '@countersign/contract/platform'
import { createLog, Metrics } from '@countersign/ground/telemetry'
import { NOTHING_TAKEN_BACK, Refusal } from '@countersign/layers'
import { parseCsr } from '@countersign/ground/x509'
import type { Workload } from '@countersign/service'
import { readGatewaySettings } from '../config/settings.ts'
import { createGateway, type Gateway } from '../gateway.ts'
import {
  createCredential,
  createDoorCertificate,
  createPki,
  type Pki,
  TRUST_DOMAIN,
} from './pki.ts'
import { ISSUER, TokenIssuer } from './token-issuer.ts'
import { UpstreamServer } from './upstream-server.ts'

/* Everything around a gateway that a test needs: certificates, tokens, services, and the little of a workload it uses. */

const limit = '1000000/second per person'
export const order: ContractDescriptor = describe(
  contract('order', {
    list: endpoint({
      at: 'GET /orders',
      callers: ['gateway'],
      roles: ['customer', 'admin'],
      limit,
    }),
    read: endpoint({ at: 'GET /orders/:id', callers: ['gateway'], roles: 'anyone', limit }),
    create: endpoint({
      at: 'POST /orders',
      callers: ['gateway'],
      roles: ['customer'],
      limit,
      idempotent: true,
      kind: 'raw',
    }),
    erase: endpoint({ at: 'DELETE /orders/:id', callers: ['gateway'], roles: ['admin'], limit }),
    slow: endpoint({
      at: 'GET /slow',
      callers: ['gateway'],
      roles: 'stranger',
      limit: '1000000/second per address',
      timeoutMs: 1_500,
      idempotent: true,
    }),
    upload: endpoint({
      at: 'POST /upload',
      callers: ['gateway'],
      roles: 'stranger',
      limit: '1000000/second per address',
      bodyBytesMax: 8 * 1024 * 1024,
    }),
    few: endpoint({
      at: 'GET /few',
      callers: ['gateway'],
      roles: 'anyone',
      limit: '5/second, 1000/hour per person',
    }),
    inner: endpoint({
      at: 'GET /inner',
      callers: ['payment'],
      roles: 'stranger',
      limit: '1/second per caller',
    }),
  }),
)
export const identityMount: ContractDescriptor = describe(
  contract('identity', {
    provider: endpoint({
      at: 'ANY /auth/*',
      kind: 'mount',
      callers: ['gateway'],
      roles: 'stranger',
      limit: '1000000/second per address',
    }),
  }),
)

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
  readonly pki: Pki
  readonly tokens = new TokenIssuer()
  readonly contracts = new Changing<readonly ContractDescriptor[]>([order, identityMount])
  readonly #instances = new Map<string, Changing<readonly HealthEntry[]>>()
  readonly #closers: (() => unknown)[] = []
  doorLifeMs = 3_600_000
  keysAreAway = false
  /** Keys are told when this is over. */
  keysWait: Promise<unknown> = Promise.resolve()
  keysAsked = 0
  /** Clock of the breakers of gateways that are opened from now on. */
  breakerNow: (() => number) | undefined

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

  async gateway(env: Record<string, string> = {}): Promise<Running> {
    const events: NewAuditEvent[] = []
    const metrics = new Metrics()
    const logLines: string[] = []
    const audit = { full: false }
    const issued: string[] = []
    const workload = await this.#workload({ events, metrics, logLines, audit, issued })
    const settings = readGatewaySettings({ COUNTERSIGN_ISSUER: ISSUER, ...env })
    const gateway = await createGateway(settings, workload, { breakerNow: this.breakerNow })
    this.#closers.push(() => gateway.close())
    return { gateway, port: gateway.address.port, events, metrics, logLines, audit, issued }
  }
  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close()
  }

  async #workload(kept: Omit<Running, 'gateway' | 'port'>): Promise<Workload<'gateway'>> {
    const credential = await createCredential(this.pki, 'gateway')
    const answers = {
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
      instance: 'gateway-1',
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
