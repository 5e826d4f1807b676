import type { RequestListener } from 'node:http'
import { createServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { spiffeId } from '@countersign/ground/spiffe'
import {
  createIntermediate,
  createRoot,
  createServerCertificate,
  generateKeyPair,
} from '@countersign/ground/x509'
import type { PluginTools } from '@countersign/kong'

const HOUR = 3_600_000

/** A server on the loopback with a certificate of a root of its own. */
export interface TlsServer extends AsyncDisposable {
  /** `https://localhost:` and its port. */
  readonly origin: string
  /** As a gateway's, for this server's root: TLS verified, no redirect followed, time and size bounded. */
  readonly fetch: PluginTools['fetch']
}

export async function startTlsServer(listener: RequestListener): Promise<TlsServer> {
  const { root, chain, key } = await createServerIdentity()
  const server = createServer({ cert: chain, key }, listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    origin: `https://localhost:${port}`,
    fetch: fetchWith(root),
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function createServerIdentity() {
  const span = { notBefore: Date.now() - HOUR, notAfter: Date.now() + HOUR }
  const [keys, below, own] = [
    await generateKeyPair(),
    await generateKeyPair(),
    await generateKeyPair(),
  ]
  const common = { trustDomainId: spiffeId('issuer.test'), span }
  const root = createRoot({ ...common, commonName: 'issuer root', keys, pathLength: 1 })
  const intermediate = createIntermediate({
    ...{ ...common, commonName: 'issuer ca', publicKey: below.publicKey },
    issuer: { certificate: root, privateKey: keys.privateKey },
  })
  const leaf = createServerCertificate({
    ...{ names: ['localhost', '127.0.0.1'], publicKey: own.publicKey, span },
    issuer: { certificate: intermediate, privateKey: below.privateKey },
  })
  const key = own.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
  return { root, chain: leaf + intermediate, key }
}

function fetchWith(ca: string): PluginTools['fetch'] {
  return ({ url, method = 'GET', headers = {}, body, timeoutMs = 5_000, bytesMax = 1_048_576 }) =>
    new Promise((resolve, reject) => {
      const signal = AbortSignal.timeout(timeoutMs)
      const asked = request(url, { method, headers, ca, signal, agent: false }, (answer) => {
        const chunks: Buffer[] = []
        let bytes = 0
        answer.on('data', (chunk: Buffer) => {
          bytes += chunk.length
          if (bytes > bytesMax) answer.destroy(new Error('the answer is too long'))
          else chunks.push(chunk)
        })
        answer.on('error', reject)
        answer.on('end', () =>
          resolve({
            ...{ status: answer.statusCode ?? 0, headers: answer.rawHeaders },
            body: Buffer.concat(chunks),
          }),
        )
      })
      asked.on('error', reject)
      asked.end(body)
    })
}
