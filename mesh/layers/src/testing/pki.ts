import { type SpiffeId, spiffeId } from '@countersign/ground/spiffe'
import {
  createIntermediate,
  createRoot,
  createServerCertificate,
  createSvid,
  generateKeyPair,
  type Issuer,
} from '@countersign/ground/x509'
import type { Revocable, RevocationList } from '../revocation-list.ts'
import type { ClientIdentity } from '../upstream-connector.ts'

const HOUR = 3_600_000
export const idOf = (name: string): SpiffeId => spiffeId('test.local', 'service', name)

/** PEM of a chain, leaf first, and its key. */
export interface TestCredential {
  readonly chain: string
  readonly key: string
}

/** A root, an intermediate, and what they sign. */
export class TestPki {
  readonly bundle: string
  readonly #issuer: Issuer
  private constructor(bundle: string, issuer: Issuer) {
    this.bundle = bundle
    this.#issuer = issuer
  }

  static async create(): Promise<TestPki> {
    const now = Date.now()
    const keys = await generateKeyPair()
    const below = await generateKeyPair()
    const common = {
      trustDomainId: spiffeId('test.local'),
      span: { notBefore: now - HOUR, notAfter: now + HOUR },
    }
    const root = await createRoot({ ...common, commonName: 'test root', keys, pathLength: 1 })
    const intermediate = await createIntermediate({
      ...common,
      issuer: { certificate: root, privateKey: keys.privateKey },
      commonName: 'test intermediate',
      publicKey: below.publicKey,
    })
    return new TestPki(root, { certificate: intermediate, privateKey: below.privateKey })
  }

  async svid(name: string, notAfter = Date.now() + HOUR): Promise<TestCredential> {
    return this.#sign((common) => createSvid({ ...common, id: idOf(name) }), notAfter)
  }
  /** A certificate of a host name, which is no workload's. */
  async hostCertificate(): Promise<TestCredential> {
    const names = ['localhost', '127.0.0.1']
    return this.#sign((common) => createServerCertificate({ ...common, names }))
  }

  async #sign(
    sign: (common: {
      issuer: Issuer
      publicKey: Awaited<ReturnType<typeof generateKeyPair>>['publicKey']
      span: { notBefore: number; notAfter: number }
    }) => string,
    notAfter = Date.now() + HOUR,
  ): Promise<TestCredential> {
    const { publicKey, privateKey } = await generateKeyPair()
    const span = { notBefore: Date.now() - HOUR / 2, notAfter }
    const leaf = sign({ issuer: this.#issuer, publicKey, span })
    const key = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
    return { chain: leaf + this.#issuer.certificate, key }
  }
}

/** A list that a test writes. */
class TestRevocations implements RevocationList {
  readonly #listeners = new Set<() => void>()
  readonly taken = new Set<string>()
  old = false

  refusalOf({ serial, lineage }: Revocable): 'REVOKED' | 'LIST_TOO_OLD' | undefined {
    if (this.taken.has(serial) || this.taken.has(lineage ?? '')) return 'REVOKED'
    return this.old ? 'LIST_TOO_OLD' : undefined
  }
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
  /** `name`: a serial or a lineage. */
  revoke(name: string): void {
    this.taken.add(name)
    this.tell()
  }
  tell(): void {
    for (const listener of this.#listeners) listener()
  }
  get listeners(): number {
    return this.#listeners.size
  }
}

/** An identity that a test renews. */
export class TestIdentity implements ClientIdentity {
  readonly revocations = new TestRevocations()
  readonly #listeners = new Set<() => void>()
  #bundle: string
  #credential: TestCredential
  constructor(credential: TestCredential, bundle: string) {
    this.#credential = credential
    this.#bundle = bundle
  }
  current(): TestCredential {
    return this.#credential
  }
  bundle(): string {
    return this.#bundle
  }
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
  renew(credential: TestCredential, bundle: string = this.#bundle): void {
    this.#credential = credential
    this.#bundle = bundle
    for (const listener of this.#listeners) listener()
  }
  get listeners(): number {
    return this.#listeners.size
  }
}
