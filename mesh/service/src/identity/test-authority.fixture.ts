import type { KeyObject } from 'node:crypto'
import { createServer, type Server } from 'node:https'
import type { Issued } from '@countersign/contract/platform'
import { type SpiffeId, spiffeId } from '@countersign/ground/spiffe'
import {
  createIntermediate,
  createRoot,
  createSvid,
  generateKeyPair,
  parseCsr,
} from '@countersign/ground/x509'

/* A trust domain for tests: it signs what it is told, also what no authority should. */

export const TRUST_DOMAIN = 'test.local'

export interface TestDomain {
  readonly bundle: string
  sign(id: SpiffeId, publicKey: KeyObject, lifeMs?: number): Promise<Issued>
  /** Signs a request for this id, whatever the request says. */
  answer(id: SpiffeId, csr: string, lifeMs?: number): Promise<Issued>
}

export async function createDomain(): Promise<TestDomain> {
  const [above, below] = [await generateKeyPair(), await generateKeyPair()]
  const span = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 3_600_000 }
  const common = { trustDomainId: spiffeId(TRUST_DOMAIN), span }
  const bundle = await createRoot({
    ...common,
    commonName: 'test root',
    keys: above,
    pathLength: 1,
  })
  const intermediate = await createIntermediate({
    ...{ ...common, commonName: 'test intermediate', publicKey: below.publicKey },
    issuer: { certificate: bundle, privateKey: above.privateKey },
  })
  const issuer = { certificate: intermediate, privateKey: below.privateKey }
  const sign = async (id: SpiffeId, publicKey: KeyObject, lifeMs = 60_000): Promise<Issued> => {
    const now = Date.now()
    const leaf = { notBefore: now - 30_000, notAfter: now + lifeMs }
    const chain = (await createSvid({ issuer, id, publicKey, span: leaf })) + intermediate
    return { chain, bundle, sequence: 1 }
  }
  return { bundle, sign, answer: (id, csr, lifeMs) => sign(id, parseCsr(csr).publicKey, lifeMs) }
}

/** A join door that proves to be `id` and answers what it is told to. */
export async function openDoor(
  domain: TestDomain,
  id: SpiffeId,
  reply: (body: { token: string; csr: string }) => Promise<{ status: number; body: unknown }>,
): Promise<{ host: string; port: number; asked: string[]; server: Server }> {
  const keys = await generateKeyPair()
  const { chain } = await domain.sign(id, keys.publicKey)
  const key = keys.privateKey.export({ format: 'pem', type: 'pkcs8' })
  const asked: string[] = []
  const server = createServer({ cert: chain, key }, async (request, response) => {
    const text = (await request.toArray()).join('')
    asked.push(text)
    const { status, body } = await reply(JSON.parse(text))
    response.writeHead(status, { connection: 'close' }).end(JSON.stringify(body))
  })
  server.on('tlsClientError', () => undefined)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  return { host: '127.0.0.1', port, asked, server }
}
