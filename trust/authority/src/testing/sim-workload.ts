import { X509Certificate } from 'node:crypto'
import { workloadId } from '@countersign/contract'
import type { Issued, TrustReport, TrustWord } from '@countersign/contract/platform'
import {
  createCsr,
  generateKeyPair,
  readCertificate,
  validateChain,
} from '@countersign/ground/x509'
import { callMesh } from './mesh.ts'
import { TRUST_DOMAIN } from './test-pki.ts'
import type { TrustHost } from './trust-host.ts'

/**
 * A workload that follows the authorities as one of the mesh does: it takes over what it is told, renews when its issuer
 * signs no more, and reports what it trusts and shows. It asks whichever authority answers.
 */
export class SimWorkload {
  readonly name: string
  readonly instance: string
  /** Hosts in the order in which it asks them; the test changes it. */
  readonly hosts: TrustHost[]
  #chain = ''
  #key = ''
  #bundle = ''
  #sequence = 0
  /** When it got its certificate: it says that it is older, for clocks that are behind. */
  #since = 0
  #word: TrustWord | undefined
  #asleep = false
  #rests = false
  readonly #believed = new Map<string, boolean>()
  #running: Promise<void> | undefined
  #stopped = false

  private constructor(instance: string, hosts: TrustHost[]) {
    this.instance = instance
    this.name = instance.replace(/-\d+$/, '')
    this.hosts = hosts
  }

  static async join(instance: string, hosts: TrustHost[]): Promise<SimWorkload> {
    const workload = new SimWorkload(instance, hosts)
    const [host] = hosts
    if (host === undefined) throw new Error('there is nobody to join')
    const { name } = workload
    await workload.#obtain((csr) =>
      host.authority.issue({ profile: 'workload', kind: 'join', name, csr, asker: instance }),
    )
    return workload
  }

  get word(): TrustWord | undefined {
    return this.#word
  }
  get chain(): string {
    return this.#chain
  }
  get bundle(): string {
    return this.#bundle
  }
  get leaf() {
    const { raw, validToDate } = new X509Certificate(this.#chain)
    const { serial, authorityKeyId: issuer = '', lineage } = readCertificate(raw)
    return { serial, issuer, lineage, notBefore: this.#since, notAfter: validToDate.getTime() }
  }

  /** Whether it would believe the other one. */
  believes(other: SimWorkload): boolean {
    const asked = `${this.#bundle}\n${other.chain}`
    // Asked all the time, and changed seldom.
    if (this.#believed.size > 64) this.#believed.clear()
    const known = this.#believed.get(asked)
    const verdict = known ?? validateChain(other.chain, this.#bundle, Date.now()).ok
    this.#believed.set(asked, verdict)
    return verdict
  }

  /** Follows until it is stopped. */
  run(): this {
    this.#running = this.#loop()
    return this
  }
  /** As SIGSTOP does it. Ends when nothing of it is under way. */
  async sleep(): Promise<void> {
    this.#asleep = true
    while (!this.#rests) await pause()
  }
  wakeUp(): void {
    this.#asleep = false
    this.#rests = false
  }
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
  }

  /** One word of an authority, and what follows from it. */
  async follow(waitSeconds = 0, leaving?: boolean): Promise<TrustWord> {
    const { serial, issuer, notAfter } = this.leaf
    const report: TrustReport = {
      ...{ instance: this.instance, sequence: this.#sequence },
      certificates: [{ serial, issuer, notAfter }],
      ...(leaving === undefined ? {} : { leaving }),
    }
    const revision = this.#word?.revision
    const body = { report, waitSeconds, ...(revision === undefined ? {} : { revision }) }
    const word = await this.#ask<TrustWord>('/v1/trust', body)
    if (this.#asleep) return word
    await this.#take(word)
    return word
  }

  async #take(word: TrustWord): Promise<void> {
    const isNews = word.revision !== this.#word?.revision || word.sequence !== this.#sequence
    this.#word = word
    if (word.sequence >= this.#sequence) {
      this.#sequence = word.sequence
      this.#bundle = word.bundle
    }
    const isOld = !word.issuers.includes(this.leaf.issuer)
    if (isOld) await this.renew()
    const isStill = isOld && !word.issuers.includes(this.leaf.issuer)
    // What has changed is reported at once.
    if ((isNews || isOld) && !isStill) await this.follow()
  }

  renew(): Promise<void> {
    return this.#obtain((csr) => this.#ask<Issued>('/v1/renew', { csr }))
  }

  async #obtain(ask: (csr: string) => Promise<Issued>): Promise<void> {
    const { privateKey } = await generateKeyPair()
    const id = workloadId(TRUST_DOMAIN, this.name)
    const issued = await ask(await createCsr({ id, privateKey }))
    this.#chain = issued.chain
    this.#since = Date.now()
    this.#key = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
    if (issued.sequence < this.#sequence) return
    this.#sequence = issued.sequence
    this.#bundle = issued.bundle
  }

  async #ask<T>(path: string, body: object): Promise<T> {
    const proof = {
      current: () => ({ chain: this.#chain, key: this.#key }) as never,
      bundle: () => this.#bundle,
    }
    let last: unknown
    for (const host of this.hosts) {
      try {
        return await callMesh<T>(proof, host.mesh, { method: 'POST', path, body })
      } catch (error) {
        last = error
      }
    }
    throw last
  }

  /** A word, and at half of its life a new certificate. */
  async #turn(): Promise<void> {
    await this.follow(1)
    const { notBefore, notAfter } = this.leaf
    if (Date.now() < notBefore + (notAfter - notBefore) / 2) return
    await this.renew()
    await this.follow()
  }

  async #loop(): Promise<void> {
    while (!this.#stopped) {
      this.#rests = this.#asleep
      if (this.#asleep) await pause()
      else await this.#turn().catch(pause)
    }
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20))
}
