import { X509Certificate } from 'node:crypto'
import { workloadId } from '@countersign/contract'
import { spiffeId } from '@countersign/ground/spiffe'
import {
  createRoot,
  createServerCertificate,
  createSvid,
  generateKeyPair,
} from '@countersign/ground/x509'

export const TRUST_DOMAIN = 'countersign.local'

export interface Leaf {
  readonly cert: string
  readonly key: string
}

/** A trust domain for one test: a root, a server for the public, a certificate for each workload asked for. */
export async function createPki() {
  const span = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 3_600_000 }
  const keys = await generateKeyPair()
  const trustDomainId = spiffeId(TRUST_DOMAIN)
  const root = await createRoot({ trustDomainId, commonName: 'test', keys, span, pathLength: 1 })
  const issuer = { certificate: root, privateKey: keys.privateKey }
  const leaf = async (make: (publicKey: typeof keys.publicKey) => string) => {
    const pair = await generateKeyPair()
    const key = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    return { cert: make(pair.publicKey), key }
  }
  return {
    root,
    server: (): Promise<Leaf> =>
      leaf((publicKey) =>
        createServerCertificate({ issuer, names: ['localhost'], publicKey, span }),
      ),
    workload: (name: string): Promise<Leaf> =>
      leaf((publicKey) =>
        createSvid({ issuer, id: workloadId(TRUST_DOMAIN, name), publicKey, span }),
      ),
  }
}

/** RFC 8705: what `cnf.x5t#S256` must say of this certificate. */
export function thumbprintOf({ cert }: Leaf): string {
  const digest = new X509Certificate(cert).fingerprint256.replaceAll(':', '')
  return Buffer.from(digest, 'hex').toString('base64url')
}
