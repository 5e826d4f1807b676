import type { KeyObject } from 'node:crypto'
import { contract, type Handlers, workloadId } from '@countersign/contract'
import {
  authority as platform,
  type Issued,
  type RevocationWord,
  type TrustReport,
  type TrustWord,
} from '@countersign/contract/platform'
import type { SpiffeId } from '@countersign/ground/spiffe'
import { createLog, Metrics } from '@countersign/ground/telemetry'
import { parseCsr } from '@countersign/ground/x509'
import { createMemoryLimiter } from '@countersign/layers'
import { decider, NOTHING_NARROWED } from '@countersign/policy'
import { type Connected, connect, type Seed } from '../connect.ts'
import { obtain, RenewingIdentity } from '../identity/renewing-identity.ts'
import { type MeshServer, openServer } from '../server/server.ts'
import {
  createTestDomain,
  factsOf,
  type TestDomain,
  type TestIdentity,
  type TestRoot,
  TRUST_DOMAIN,
} from '../testing/pki.ts'
import { createTestWorkload } from '../testing/workload.ts'
import type { Context } from '../workload.ts'
import type { Follower } from './follower.ts'
import { startFollower, type WayToAuthorities, wayToAuthorities } from './start-follower.ts'

/* Authorities of one trust domain, each a mesh door of its own, which say and sign what a test lets them. */
const small = contract('authority', {
  follow: platform.endpoints.follow,
  renew: platform.endpoints.renew,
})
const HOUR_MS = 3_600_000

/** What all authorities of a test know. Change it by `change`, so that who waits is answered. */
export interface TestTrust {
  roots: TestRoot[]
  /** Who signs. */
  signer: TestRoot
  sequence: number
  issuers: string[]
  revoked: RevocationWord[]
  nextUpdate: () => number
  unclaimed: TrustWord['unclaimed']
  lifeMs: number
}

export class TestAuthorities {
  readonly domain: TestDomain
  readonly trust: TestTrust
  /** Every report, in the order of its arrival, with the index of the authority. */
  readonly reports: (TrustReport & { at: number; when: number })[] = []
  renewals = 0
  #revision = 1
  readonly #waiting = new Set<() => void>()
  readonly #servers: (MeshServer | undefined)[] = []
  readonly #identities: TestIdentity[] = []
  readonly #ports: number[] = []
  readonly #closing: (() => Promise<unknown>)[] = []

  private constructor(domain: TestDomain) {
    this.domain = domain
    const { root } = domain
    this.trust = {
      ...{ roots: [root], signer: root, sequence: 1, issuers: [root.issuer] },
      ...{ revoked: [], unclaimed: [], lifeMs: HOUR_MS },
      nextUpdate: () => Date.now() + HOUR_MS,
    }
  }
  static async open(count = 2): Promise<TestAuthorities> {
    const made = new TestAuthorities(await createTestDomain())
    for (let i = 0; i < count; i++) await made.start(i)
    return made
  }

  async start(i: number): Promise<void> {
    const identity = await this.domain.identity('authority')
    identity.trust(this.#bundle)
    this.#identities[i] = identity
    this.#servers[i] = await openServer({
      workload: createTestWorkload('authority', identity, {}),
      served: [{ contract: small, handlers: this.handlers(i) }],
      verifier: {
        verify: () => {
          throw new Error('no tokens here')
        },
      },
      limiter: createMemoryLimiter(),
      decide: decider(NOTHING_NARROWED),
      narrowing: NOTHING_NARROWED,
      listen: { host: '127.0.0.1', port: this.#ports[i] ?? 0 },
    })
    this.#ports[i] = this.#servers[i]?.port ?? 0
  }
  async stop(i: number): Promise<void> {
    const server = this.#servers[i]
    this.#servers[i] = undefined
    for (const wake of [...this.#waiting]) wake()
    await server?.close()
  }
  get #bundle(): string {
    return this.trust.roots.map((root) => root.bundle).join('')
  }
  change(make: (trust: TestTrust) => void): void {
    make(this.trust)
    for (const identity of this.#identities) identity.trust(this.#bundle)
    this.#revision++
    for (const wake of [...this.#waiting]) wake()
  }
  /** Of the authority at `i`; a test may exchange what it answers. */
  word: (i: number) => TrustWord = () => {
    const { sequence, issuers, revoked, nextUpdate, unclaimed } = this.trust
    const bundle = this.#bundle
    return {
      ...{ revision: String(this.#revision), sequence, bundle, issuers: [...issuers] },
      ...{ revoked: [...revoked], nextUpdate: nextUpdate(), unclaimed: [...unclaimed] },
    }
  }
  /** What comes before an answer; a test may make an authority hang or fail. */
  before: (i: number) => Promise<void> = async () => undefined

  handlers(i: number): Handlers<typeof small, Context> {
    return {
      follow: async ({ body }) => {
        this.reports.push({ ...body.report, at: i, when: performance.now() })
        await this.before(i)
        if (body.revision === this.word(i).revision) await this.#wait(body.waitSeconds ?? 0)
        return this.word(i)
      },
      renew: async ({ body, permit }) => {
        await this.before(i)
        this.renewals++
        return this.sign(permit.caller, body.csr)
      },
    }
  }
  /** The authorities themselves show a certificate under another root. */
  async trustSigner(root: TestRoot): Promise<void> {
    for (const identity of this.#identities) await identity.renew(root)
  }
  sign(name: string, csr: string): Issued {
    return this.issue(workloadId(TRUST_DOMAIN, name), parseCsr(csr).publicKey)
  }
  issue(id: SpiffeId, publicKey: KeyObject): Issued {
    const { signer, sequence, lifeMs } = this.trust
    return { chain: signer.sign(id, publicKey, { lifeMs }), bundle: this.#bundle, sequence }
  }
  lineageOf({ chain }: Issued): string {
    return factsOf(chain).lineage ?? ''
  }
  get seeds(): readonly Seed[] {
    return this.#ports.map((port) => ({ name: 'authority', host: '127.0.0.1', port }))
  }

  /** A workload that has joined and follows. */
  async follower(options: { name?: string; onRevoked?: () => void } = {}): Promise<Following> {
    const { name = 'order' } = options
    const id = workloadId(TRUST_DOMAIN, name)
    const log = createLog({ service: name, node: `${name}-1`, level: 'silent' })
    const metrics = new Metrics()
    let way: WayToAuthorities | undefined
    const held = await obtain(id, async (csr) => this.sign(name, csr))
    const identity = new RenewingIdentity({
      ...{ id, held, log },
      renew: async (csr) => {
        if (way === undefined) throw new Error('not connected yet')
        return way.renew(csr)
      },
    })
    const { seeds } = this
    const connected = connect({
      ...{ name, trustDomain: TRUST_DOMAIN, identity, seeds, log, metrics },
    })
    way = wayToAuthorities(connected, seeds)
    const follower = startFollower({
      ...{ instance: `${name}-1`, trustDomain: TRUST_DOMAIN, identity, way, log, metrics },
      ...(options.onRevoked === undefined ? {} : { onRevoked: options.onRevoked }),
    })
    const close = async (): Promise<void> => {
      await follower.close()
      await connected.close()
      identity.close()
    }
    this.#closing.unshift(close)
    return { follower, identity, connected, metrics, close }
  }
  async close(): Promise<void> {
    this.before = async () => undefined
    for (const wake of [...this.#waiting]) wake()
    await Promise.all(this.#closing.splice(0).map((close) => close()))
    for (const wake of [...this.#waiting]) wake()
    await Promise.all(this.#servers.map((server) => server?.close()))
  }

  async #wait(seconds: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(done)
        resolve()
      }
      const timer = setTimeout(done, seconds * 1_000)
      this.#waiting.add(done)
    })
  }
}

export interface Following {
  readonly follower: Follower
  readonly identity: RenewingIdentity
  readonly connected: Connected
  readonly metrics: Metrics
  close(): Promise<void>
}
