import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { spiffeId } from '@countersign/ground/spiffe'
import { createCsr, generateKeyPair } from '@countersign/ground/x509'

/** What a workload shows at a door, as Node's TLS takes it. */
export interface Shown {
  readonly cert: string
  readonly key: string
  readonly ca: string
}

/** An identity that the supervisor keeps on disk: `desk` or `prometheus`. */
export function identityOf(home: string, name: 'desk' | 'prometheus'): Shown {
  const file = (part: string): string =>
    readFileSync(join(home, 'run/identities', name, `${part}.pem`), 'utf8')
  return { key: file('key'), cert: file('cert'), ca: file('bundle') }
}

/** A request over TLS to a port of this machine, on a connection of its own. */
export function askMesh(
  port: number,
  shown: Partial<Shown>,
  ask: { method?: string; path: string; body?: unknown },
): Promise<{ status: number; json: any }> {
  const body = ask.body === undefined ? undefined : JSON.stringify(ask.body)
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        ...shown,
        ...{ host: '127.0.0.1', port, path: ask.path, agent: false },
        method: ask.method ?? (body === undefined ? 'GET' : 'POST'),
        checkServerIdentity: () => undefined,
        ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' } }),
      },
      (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
        response.once('error', reject)
        response.once('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            json: /^[{[]/.test(text) ? JSON.parse(text) : undefined,
          }),
        )
      },
    )
    sent.once('error', reject)
    sent.end(body)
  })
}

/** A one-time token for this name, made at the authority whose mesh listener is at `port`. */
export async function mintToken(home: string, port: number, name: string): Promise<string> {
  const body = { name, ttlSeconds: 60 }
  const minted = await askMesh(port, identityOf(home, 'desk'), { path: '/v1/join-tokens', body })
  if (minted.status !== 201) throw new Error(`no join token: ${minted.status}`)
  return minted.json.token
}

/** Joins at a join door with a key of its own, as nobody's supervisor would: it neither follows nor renews. */
export async function joinWith(
  token: string,
  wanted: { name: string; trustDomain: string; joinPort: number; ca: string },
): Promise<Shown & { readonly serial: string }> {
  const keys = await generateKeyPair()
  const id = spiffeId(wanted.trustDomain, 'service', wanted.name)
  const csr = await createCsr({ id, privateKey: keys.privateKey })
  const { ca, joinPort } = wanted
  const joined = await askMesh(joinPort, { ca }, { path: '/v1/join', body: { token, csr } })
  if (joined.status !== 201) throw new Error(`not joined: ${joined.status}`)
  const { chain, bundle } = joined.json as { chain: string; bundle: string }
  const key = keys.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
  const serial = new X509Certificate(chain).serialNumber.toLowerCase().replace(/^0+/, '')
  return { cert: chain, key, ca: bundle, serial }
}
