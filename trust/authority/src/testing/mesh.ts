import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, request, type Server } from 'node:https'
import type { TLSSocket } from 'node:tls'
import { workloadId, workloadName } from '@countersign/contract'
import { authority as contract, type Issued } from '@countersign/contract/platform'
import { checkSvid, readCertificate } from '@countersign/ground/x509'
import { Permit, Refusal, renderProblem } from '@countersign/layers'
import type { Identity } from '@countersign/service'
import { TRUST_DOMAIN } from './test-pki.ts'

/* A plain mTLS server in place of the mesh's: handlers by the paths of their contract, permits by certificates. */

export type AnyHandlers = Readonly<Record<string, unknown>>

/** Serves handlers at a port, 0 for any. */
export async function serveMesh(
  handlers: AnyHandlers,
  identity: Identity,
  port: number,
): Promise<Server> {
  const tls = () => {
    const { chain, key } = identity.current()
    return { cert: chain, key, ca: identity.bundle(), minVersion: 'TLSv1.3' } as const
  }
  const server = createServer({ ...tls(), requestCert: true, rejectUnauthorized: true })
  identity.onChange(() => server.setSecureContext(tls()))
  server.on('tlsClientError', () => undefined)
  server.on('request', (incoming, response) => void reply(handlers, incoming, response))
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}

async function reply(
  handlers: AnyHandlers,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const body: unknown = JSON.parse((await incoming.toArray()).join('') || '{}')
    const [path = '', search = ''] = (incoming.url ?? '').split('?')
    const query = Object.fromEntries(new URLSearchParams(search))
    const [name, params] = match(`${incoming.method} ${path}`)
    const context = { permit: permitFor(incoming.socket as TLSSocket, name), requestId: 'r-1' }
    const handle = handlers[name] as (input: object) => Promise<object>
    const answer = await handle({ body, params, query, ...context })
    response.writeHead(200).end(JSON.stringify(answer))
  } catch (error) {
    const refusal = error instanceof Refusal ? error : new Refusal('INTERNAL')
    const { status, body } = renderProblem(refusal, 'r-1')
    response.writeHead(status).end(body)
  }
}

function match(line: string): [name: string, params: Record<string, string>] {
  for (const [name, { at }] of Object.entries(contract.endpoints)) {
    const [pattern = '', param] = at.split(':')
    if (param === undefined && line === at) return [name, {}]
    if (param !== undefined && line.startsWith(pattern))
      return [name, { [param]: line.slice(pattern.length) }]
  }
  throw new Refusal('ROUTE_UNKNOWN')
}

/** Who calls is what its certificate says; whether it may is the contract's list of callers. */
function permitFor(socket: TLSSocket, endpoint: string): Permit {
  const certificate = socket.getPeerX509Certificate()
  const svid = certificate === undefined ? undefined : checkSvid(certificate)
  const caller = svid?.ok ? workloadName(TRUST_DOMAIN, svid.id) : undefined
  if (certificate === undefined || !svid?.ok || caller === undefined)
    throw new Refusal('PEER_UNKNOWN')
  const { callers } = contract.endpoints[endpoint as keyof typeof contract.endpoints]
  const listed = callers.some((each) => each === 'workloads' || each === caller)
  if (!listed) throw new Refusal('CALLER_FORBIDDEN')
  const { serial, lineage } = readCertificate(certificate.raw)
  return grant({ endpoint, caller, callerSerial: serial, callerLineage: lineage })
}

/** A permit as the door of an authority makes it. */
export function grant(of: {
  endpoint: string
  caller: string
  callerSerial?: string | undefined
  callerLineage?: string | undefined
}): Permit {
  const ask = {
    service: 'authority',
    ...of,
    endpoint: { name: of.endpoint },
    callerId: workloadId(TRUST_DOMAIN, of.caller),
    person: undefined,
  }
  const permit = Permit.authorizer(() => ({ allowed: true, rule: 'test' }))(ask as never)
  if (permit instanceof Permit) return permit
  throw new Refusal('CALLER_FORBIDDEN')
}

/** A renewal as the mesh makes it: proven by the certificate of the moment. */
export function renewAt(identity: () => Identity, at: { host: string; port: number }) {
  return (csr: string): Promise<Issued> =>
    callMesh(identity(), at, { method: 'POST', path: '/v1/renew', body: { csr } })
}

/** Calls over mTLS; rejects with the problem's code, or when nothing comes for `timeoutMs`. */
export function callMesh<T>(
  identity: Pick<Identity, 'current' | 'bundle'>,
  at: { host: string; port: number },
  wanted: { method: string; path: string; body?: object; timeoutMs?: number },
): Promise<T> {
  const { chain, key } = identity.current()
  return new Promise((resolve, reject) => {
    const outgoing = request({
      ...{ ...at, method: wanted.method, path: wanted.path, agent: false },
      timeout: wanted.timeoutMs ?? 2_000,
      ...{ cert: chain, key, ca: identity.bundle(), minVersion: 'TLSv1.3' },
      checkServerIdentity: (_, peer) => checkAuthority(peer),
    })
    outgoing.once('error', reject).once('timeout', () => outgoing.destroy(new Error('timeout')))
    outgoing.once('response', async (response) => {
      try {
        const text = (await response.toArray()).join('')
        const value = JSON.parse(text) as { code?: string }
        if ((response.statusCode ?? 500) < 300) resolve(value as T)
        else reject(new Error(value.code))
      } catch (error) {
        reject(error)
      }
    })
    outgoing.end(wanted.method === 'GET' ? undefined : JSON.stringify(wanted.body ?? {}))
  })
}

function checkAuthority(peer: { raw: Buffer }): Error | undefined {
  const svid = checkSvid({ raw: peer.raw } as Parameters<typeof checkSvid>[0])
  return svid.ok && svid.id === workloadId(TRUST_DOMAIN, 'authority')
    ? undefined
    : new Error('impostor')
}
