import type { KeyObject } from 'node:crypto'
import { workloadId } from '@countersign/contract'
import { spiffeId } from '@countersign/ground/spiffe'
import {
  createIntermediate,
  createRoot,
  createServerCertificate,
  createSvid,
  generateKeyPair,
  type Issuer,
} from '@countersign/ground/x509'
import type { Credential } from '@countersign/service'

/* A certificate authority for tests: a root, an intermediate, and real certificates for workloads. */

export const TRUST_DOMAIN = 'test.local'
const HOUR = 3_600_000

export interface Pki {
  readonly bundle: string
  readonly intermediate: string
  readonly issuer: Issuer
}

export async function createPki(name = 'test'): Promise<Pki> {
  const trustDomainId = spiffeId(TRUST_DOMAIN)
  const now = Date.now()
  const span = { notBefore: now - HOUR, notAfter: now + 24 * HOUR }
  const keys = await generateKeyPair()
  const bundle = await createRoot({
    ...{ trustDomainId, commonName: `${name} root`, keys, span, pathLength: 1 },
  })
  const below = await generateKeyPair()
  const intermediate = await createIntermediate({
    issuer: { certificate: bundle, privateKey: keys.privateKey },
    ...{ trustDomainId, commonName: `${name} intermediate`, publicKey: below.publicKey, span },
  })
  return {
    bundle,
    intermediate,
    issuer: { certificate: intermediate, privateKey: below.privateKey },
  }
}

/** The certificate of the workload called `name`. */
export async function createCredential(pki: Pki, name: string): Promise<Credential> {
  const { privateKey, publicKey } = await generateKeyPair()
  const notBefore = new Date(Date.now() - 60_000)
  const notAfter = new Date(Date.now() + HOUR)
  const leaf = await createSvid({
    issuer: pki.issuer,
    id: workloadId(TRUST_DOMAIN, name),
    publicKey,
    span: { notBefore: notBefore.getTime(), notAfter: notAfter.getTime() },
  })
  const key = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
  return { chain: leaf + pki.intermediate, key, serial: '', notBefore, notAfter }
}

/** What the authority answers to a gateway: a server certificate for localhost. */
export async function createDoorCertificate(
  pki: Pki,
  publicKey: KeyObject,
  lifeMs = HOUR,
): Promise<string> {
  const now = Date.now()
  const leaf = await createServerCertificate({
    issuer: pki.issuer,
    names: ['localhost', '127.0.0.1', '::1'],
    publicKey,
    span: { notBefore: now - 1_000, notAfter: now + lifeMs },
  })
  return leaf + pki.intermediate
}
