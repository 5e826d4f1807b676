import { createServer, type Server } from 'node:http'
import { request } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { spiffeId } from '@countersign/ground/spiffe'
import { createRoot, createServerCertificate, generateKeyPair } from '@countersign/ground/x509'

/* What an operator's configuration leads to: a shop with consumers, a pool of two targets, a name of its own. */

export interface Target {
  readonly server: Server
  readonly at: string
  well: boolean
}
/** A server of loopback without TLS, which says its name, and at /healthz how it is. */
export async function openTarget(name: string): Promise<Target> {
  const target = { well: true }
  const server = createServer((request, response) => {
    response.writeHead(request.url === '/healthz' && !target.well ? 500 : 200)
    response.end(name)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  return Object.assign(target, { server, at: `127.0.0.1:${port}` })
}
export interface ShopTls {
  readonly ca: string
  readonly cert: string
  readonly key: string
}
/** A certificate of an operator's own for shop.test. */
export async function createTls(): Promise<ShopTls> {
  const [keys, own] = [await generateKeyPair(), await generateKeyPair()]
  const span = { notBefore: Date.now() - 3_600_000, notAfter: Date.now() + 86_400_000 }
  const ca = createRoot({
    ...{ trustDomainId: spiffeId('shop.test'), commonName: 'shop root', keys, span, pathLength: 1 },
  })
  const issuer = { certificate: ca, privateKey: keys.privateKey }
  const wanted = { names: ['shop.test'], publicKey: own.publicKey, span }
  const key = own.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  return { ca, cert: createServerCertificate({ issuer, ...wanted }), key }
}
export const indented = (pem: string): string => pem.trim().replaceAll(/^/gm, '      ')

const SERVED = `
_format_version: "3.0"
services:
  - name: shop
    url: https://echo/base
    plugins: [{ name: rate-limiting, config: { second: 1000000 } }]
    routes:
      - name: keys
        paths: [/shop]
        methods: [GET]
        plugins:
          - { name: key-auth, config: { key_names: [x-shop-key] } }
          - { name: acl, config: { allow: [buyers] } }
      - name: by-name
        hosts: [shop.test]
        strip_path: false
        tags: [public]
  - name: pool
    host: pool
    protocol: http
    plugins: [{ name: rate-limiting, config: { second: 1000000 } }]
    routes: [{ name: pool, paths: [/pool], tags: [public] }]
upstreams:
  - name: pool
    algorithm: round-robin
    healthchecks:
      active:
        http_path: /healthz
        healthy: { interval: 1, successes: 1 }
        unhealthy: { interval: 1, http_failures: 1 }
    targets: [{ target: '{{one}}' }, { target: '{{two}}' }]
consumers:
  - username: alice
    keyauth_credentials: [{ key: alice-key-0123456789 }]
    acls: [{ group: buyers }]
  - username: bob
    keyauth_credentials: [{ key: bob-key-0123456789 }]
`

export function servedBy({ one, two, tls }: { one: Target; two: Target; tls: ShopTls }): string {
  const pem = `  - cert: |\n${indented(tls.cert)}\n    key: |\n${indented(tls.key)}\n`
  const certificates = `certificates:\n${pem}    snis: [{ name: shop.test }]\n`
  return SERVED.replace('{{one}}', one.at).replace('{{two}}', two.at) + certificates
}

/** A request with a name of the operator's own, in TLS and in the Host header. */
export function askShop(
  door: { readonly port: number; readonly ca: string },
  path: string,
): Promise<{ status: number; json: any; names: string }> {
  return new Promise((resolve, reject) => {
    const sent = request({
      ...{ host: 'localhost', port: door.port, path, agent: false },
      ...{ servername: 'shop.test', headers: { host: 'shop.test' }, ca: door.ca },
    })
    sent.once('error', reject).end()
    sent.once('response', (response) => {
      const names = (response.socket as TLSSocket).getPeerX509Certificate()?.subjectAltName ?? ''
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, json: JSON.parse(text), names }),
      )
    })
  })
}
