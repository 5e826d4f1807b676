import { createSecretKey, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { freePort, temporaryFolder } from '@countersign/ground/testkit'
import { initialiseAuthority } from '../pki/initialise-authority.ts'
import type { RotateAsk, RotateReply } from '../trust/rotation.ts'
import type { Lifetimes, TrustOptions } from '../trust/trust-view.ts'
import { SimWorkload } from './sim-workload.ts'
import { TRUST_DOMAIN } from './test-pki.ts'
import { startTrustHost, type Town, type TrustHost } from './trust-host.ts'

/* A town: some authorities, some workloads that follow them, a registry that lists them. All of it goes with `close`. */
const DAY = 86_400_000
const LIFETIMES: Lifetimes = { rootMs: 3_652 * DAY, intermediateMs: 365 * DAY, leafMs: 3_600_000 }

export class TestTown implements Town {
  readonly folder: string
  readonly masterKey = createSecretKey(randomBytes(32))
  readonly lifetimes: Lifetimes
  readonly ports: Record<string, number> = {}
  readonly cut = new Set<string>()
  readonly lost = new Map<string, 'question' | 'answer'>()
  readonly hosts: TrustHost[] = []
  readonly workloads: SimWorkload[] = []
  registered: Town['registered'] = []
  /** Added to the clock of all authorities. */
  aheadMs = 0
  readonly #temporary = temporaryFolder()

  private constructor(lifetimes: Partial<Lifetimes>) {
    this.folder = join(this.#temporary.path, 'pki')
    this.lifetimes = { ...LIFETIMES, ...lifetimes }
  }

  static async make(
    options: { authorities?: number; lifetimes?: Partial<Lifetimes>; now?: () => number } = {},
  ): Promise<TestTown> {
    const town = new TestTown(options.lifetimes ?? {})
    const instances = Array.from(
      { length: options.authorities ?? 3 },
      (_, i) => `authority-${i + 1}`,
    )
    for (const instance of instances) town.ports[instance] = await freePort()
    const { folder, masterKey, lifetimes } = town
    await initialiseAuthority({
      folder,
      masterKey,
      lifetimes,
      trustDomain: TRUST_DOMAIN,
      instances,
      ...(options.now === undefined ? {} : { now: options.now }),
    })
    return town
  }

  now(): number {
    return Date.now() + this.aheadMs
  }

  async start(instance: string, more: Partial<TrustOptions> = {}): Promise<TrustHost> {
    const host = await startTrustHost(this, instance, more)
    this.hosts.push(host)
    return host
  }
  async startAll(more: Partial<TrustOptions> = {}): Promise<TrustHost[]> {
    for (const instance of Object.keys(this.ports)) await this.start(instance, more)
    for (const host of this.hosts) await host.peers.round()
    return this.hosts
  }
  async kill(host: TrustHost): Promise<void> {
    this.hosts.splice(this.hosts.indexOf(host), 1)
    await host.close()
  }

  /** A workload that is registered and follows. */
  async join(instance: string, hosts: TrustHost[] = this.hosts): Promise<SimWorkload> {
    const workload = await SimWorkload.join(instance, hosts)
    this.workloads.push(workload)
    const { name } = workload
    this.registered?.push({ name, instance, passing: true })
    return workload.run()
  }

  /** Nobody who lives believes another one less than before. */
  strangers(): string[] {
    return this.workloads.flatMap((one) =>
      this.workloads
        .filter((other) => !one.believes(other))
        .map((other) => `${one.instance} does not believe ${other.instance}`),
    )
  }

  async close(): Promise<void> {
    for (const workload of this.workloads) await workload.stop()
    for (const host of this.hosts.splice(0)) await host.close()
    this.#temporary[Symbol.dispose]()
  }
}

/** Asks as the desk does. */
export function rotate(host: TrustHost, ask: RotateAsk): Promise<RotateReply> {
  return host.rotation.rotate(ask, { actor: 'desk', requestId: 'r-1' })
}

/** Asks until the step is taken, or has been; gives the last answer where that does not happen. */
export async function rotateUntilTaken(host: TrustHost, ask: RotateAsk): Promise<RotateReply> {
  const end = Date.now() + 90_000
  for (;;) {
    const reply = await rotate(host, ask)
    if (reply.taken || reply.done) return reply
    if (Date.now() > end) throw new Error(`${ask.step}: ${JSON.stringify(reply.blockers)}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
