import type { KeyObject } from 'node:crypto'
import { workloadId } from '@countersign/contract'
import { type SpiffeId, spiffeId } from '@countersign/ground/spiffe'
import {
  createIntermediate,
  createRoot,
  createSvid,
  generateKeyPair,
  newSerial,
  readCertificate,
  readPem,
} from '@countersign/ground/x509'
import { Revocations } from '../trust/revocations.ts'
import type { Credential, Identity } from '../workload.ts'

export const TRUST_DOMAIN = 'test.local'
const DAY_MS = 86_400_000

/** A root with one intermediate, which signs what it is told. */
export interface TestRoot {
  /** PEM of the root. */
  readonly bundle: string
  /** Key id of the intermediate. */
  readonly issuer: string
  /** A chain, PEM. `lineage`: of the certificate before it. */
  sign(
    id: SpiffeId,
    publicKey: KeyObject,
    options?: { lifeMs?: number; lineage?: string | undefined },
  ): string
}

export async function createTestRoot(name = 'test'): Promise<TestRoot> {
  const trustDomainId = spiffeId(TRUST_DOMAIN)
  const now = Date.now()
  const span = { notBefore: now - DAY_MS, notAfter: now + DAY_MS }
  const [rootKeys, keys] = [await generateKeyPair(), await generateKeyPair()]
  const bundle = createRoot({
    trustDomainId,
    commonName: `${name} root`,
    keys: rootKeys,
    span,
    pathLength: 1,
  })
  const certificate = createIntermediate({
    issuer: { certificate: bundle, privateKey: rootKeys.privateKey },
    trustDomainId,
    commonName: `${name} intermediate`,
    publicKey: keys.publicKey,
    span,
  })
  const issuer = { certificate, privateKey: keys.privateKey }
  return {
    bundle,
    issuer: factsOf(certificate).subjectKeyId ?? '',
    sign: (id, publicKey, { lifeMs = 3_600_000, lineage } = {}) => {
      const serial = newSerial()
      const at = Date.now()
      const leaf = createSvid({
        ...{ issuer, id, publicKey, serial, lineage: lineage ?? serial },
        span: { notBefore: at - 60_000, notAfter: at + lifeMs },
      })
      return `${leaf.trim()}\n${certificate}`
    },
  }
}

/** What the leaf of a chain says. */
export const factsOf = (chain: string) => {
  const [leaf] = readPem(chain, 'CERTIFICATE')
  if (leaf === undefined) throw new Error('no certificate')
  return readCertificate(leaf)
}

export interface TestIdentity extends Identity {
  readonly revocations: Revocations
  /** A new certificate of the same lineage, by another root where one is given. */
  renew(by?: TestRoot): Promise<void>
  /** Other roots. */
  trust(bundle: string): void
  /** Takes a certificate back for this identity's eyes. */
  learnRevoked(what: { serial: string } | { lineage: string }): void
}

/** A trust domain for tests: hands out identities, and renews them on demand. */
export interface TestDomain {
  readonly trustDomain: string
  readonly bundle: string
  readonly root: TestRoot
  identity(name: string, options?: { lifeMs?: number }): Promise<TestIdentity>
}

export async function createTestDomain(name = 'test'): Promise<TestDomain> {
  const root = await createTestRoot(name)
  return {
    trustDomain: TRUST_DOMAIN,
    bundle: root.bundle,
    root,
    identity: (workload, { lifeMs = 3_600_000 } = {}) => createTestIdentity(root, workload, lifeMs),
  }
}

async function createTestIdentity(
  root: TestRoot,
  workload: string,
  lifeMs: number,
): Promise<TestIdentity> {
  const id = workloadId(TRUST_DOMAIN, workload)
  let credential = await issue(root, id, { lifeMs })
  let { bundle } = root
  let renewals = 0
  const { lineage } = factsOf(credential.chain)
  const listeners = new Set<() => void>()
  const tell = (): void => {
    for (const listener of listeners) listener()
  }
  const revocations = new Revocations(Date.now() + DAY_MS)
  return {
    id,
    revocations,
    current: () => credential,
    bundle: () => bundle,
    onChange: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    get renewals() {
      return renewals
    },
    async renew(by = root) {
      credential = await issue(by, id, { lifeMs, lineage })
      renewals += 1
      tell()
    },
    trust(next) {
      bundle = next
      tell()
    },
    learnRevoked: (what) =>
      revocations.take([{ ...what, until: Date.now() + DAY_MS }], Date.now() + DAY_MS),
  }
}

async function issue(
  by: TestRoot,
  id: SpiffeId,
  options: { lifeMs: number; lineage?: string | undefined },
): Promise<Credential> {
  const keys = await generateKeyPair()
  const chain = by.sign(id, keys.publicKey, options)
  const { serial, notBefore, notAfter } = factsOf(chain)
  return {
    chain,
    key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    serial,
    notBefore: new Date(notBefore),
    notAfter: new Date(notAfter),
  }
}
