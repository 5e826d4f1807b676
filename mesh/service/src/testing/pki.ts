import { X509Certificate } from 'node:crypto'
import { workloadId } from '@countersign/contract'
import { spiffeId } from '@countersign/ground/spiffe'
import {
  createIntermediate,
  createRoot,
  createSvid,
  generateKeyPair,
} from '@countersign/ground/x509'
import type { Credential, Identity } from '../workload.ts'

const TRUST_DOMAIN = 'test.local'
const DAY_MS = 86_400_000

/** A trust domain for tests: hands out identities, and renews them on demand. */
export interface TestDomain {
  readonly trustDomain: string
  readonly bundle: string
  identity(
    name: string,
    options?: { lifeMs?: number },
  ): Promise<Identity & { renew(): Promise<void> }>
}

export async function createTestDomain(name = 'test'): Promise<TestDomain> {
  const trustDomainId = spiffeId(TRUST_DOMAIN)
  const now = Date.now()
  const span = { notBefore: now - DAY_MS, notAfter: now + DAY_MS }
  const [rootKeys, keys] = [await generateKeyPair(), await generateKeyPair()]
  const bundle = await createRoot({
    trustDomainId,
    commonName: `${name} root`,
    keys: rootKeys,
    span,
    pathLength: 1,
  })
  const intermediate = await createIntermediate({
    issuer: { certificate: bundle, privateKey: rootKeys.privateKey },
    trustDomainId,
    commonName: `${name} intermediate`,
    publicKey: keys.publicKey,
    span,
  })
  const issuer = { certificate: intermediate, privateKey: keys.privateKey }
  const issue = async (id: ReturnType<typeof workloadId>, lifeMs: number): Promise<Credential> => {
    const own = await generateKeyPair()
    const leaf = await createSvid({
      issuer,
      id,
      publicKey: own.publicKey,
      span: { notBefore: Date.now() - 60_000, notAfter: Date.now() + lifeMs },
    })
    const read = new X509Certificate(leaf)
    return {
      chain: `${leaf.trim()}\n${intermediate}`,
      key: own.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      serial: read.serialNumber.toLowerCase(),
      notBefore: new Date(read.validFrom),
      notAfter: new Date(read.validTo),
    }
  }
  return {
    trustDomain: TRUST_DOMAIN,
    bundle,
    async identity(workload, { lifeMs = 3_600_000 } = {}) {
      const id = workloadId(TRUST_DOMAIN, workload)
      let credential = await issue(id, lifeMs)
      let renewals = 0
      const listeners = new Set<() => void>()
      return {
        id,
        current: () => credential,
        bundle: () => bundle,
        onChange: (listener) => {
          listeners.add(listener)
          return () => void listeners.delete(listener)
        },
        get renewals() {
          return renewals
        },
        async renew() {
          credential = await issue(id, lifeMs)
          renewals += 1
          for (const listener of listeners) listener()
        },
      }
    },
  }
}
