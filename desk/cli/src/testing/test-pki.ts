import { type KeyObject, X509Certificate } from 'node:crypto'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { workloadId } from '@countersign/contract'
import type { Issued } from '@countersign/contract/platform'
import { type SpiffeId, spiffeId } from '@countersign/ground/spiffe'
import {
  createIntermediate,
  createRoot,
  createSvid,
  generateKeyPair,
  type Issuer,
  parseCsr,
} from '@countersign/ground/x509'

/* A trust domain for tests: a root, an intermediate, and whatever leaf a test asks for. */
export const TRUST_DOMAIN = 'test.local'
const HOUR_MS = 3_600_000

export interface Held {
  readonly chain: string
  readonly key: string
  readonly serial: string
}
export interface TestPki {
  readonly root: string
  issue(id: SpiffeId): Promise<Held>
  /** Signs the key of a request for this name, whatever the request says. */
  answer(name: string, csr: string, lifeMs?: number): Issued & { readonly serial: string }
}

export async function createTestPki(): Promise<TestPki> {
  const trustDomainId = spiffeId(TRUST_DOMAIN)
  const span = { notBefore: Date.now() - HOUR_MS, notAfter: Date.now() + 24 * HOUR_MS }
  const rootKeys = await generateKeyPair()
  const keys = await generateKeyPair()
  const root = createRoot({
    ...{ trustDomainId, commonName: 'test root', keys: rootKeys, span, pathLength: 1 },
  })
  const intermediate = createIntermediate({
    issuer: { certificate: root, privateKey: rootKeys.privateKey },
    ...{ trustDomainId, commonName: 'test intermediate', publicKey: keys.publicKey, span },
  })
  const issuer: Issuer = { certificate: intermediate, privateKey: keys.privateKey }
  const sign = (id: SpiffeId, publicKey: KeyObject, lifeMs: number) => {
    const leaf = createSvid({
      ...{ issuer, id, publicKey },
      span: { notBefore: Date.now() - 60_000, notAfter: Date.now() + lifeMs },
    })
    const serial = new X509Certificate(leaf).serialNumber.toLowerCase().replace(/^0+/, '')
    return { chain: `${leaf.trim()}\n${intermediate}`, serial }
  }
  return {
    root,
    issue: async (id) => {
      const { privateKey, publicKey } = await generateKeyPair()
      const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
      return { ...sign(id, publicKey, HOUR_MS), key }
    },
    answer: (name, csr, lifeMs = HOUR_MS) => ({
      ...sign(workloadId(TRUST_DOMAIN, name), parseCsr(csr).publicKey, lifeMs),
      ...{ bundle: root, sequence: 1 },
    }),
  }
}

/** A join door: answers every request that brings a token with what `admit` gives, and 401 where that is nothing. */
export async function openTestJoinDoor(
  pki: TestPki,
  admit: (join: { token: string; csr: string }) => Issued | undefined,
): Promise<{ readonly port: number; readonly server: Server }> {
  const own = await pki.issue(workloadId(TRUST_DOMAIN, 'authority'))
  const server = createServer({ cert: own.chain, key: own.key }, async (request, response) => {
    const issued = admit(JSON.parse((await request.toArray()).join('')))
    const body = issued ?? { code: 'TOKEN_INVALID', title: 'no', status: 401 }
    response.writeHead(issued === undefined ? 401 : 201, { connection: 'close' })
    response.end(JSON.stringify(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { port: (server.address() as AddressInfo).port, server }
}
