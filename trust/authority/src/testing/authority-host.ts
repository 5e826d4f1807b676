import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, request, type Server } from 'node:https'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { workloadId, workloadName } from '@countersign/contract'
import {
  authority as contract,
  type Issued,
  type NewAuditEvent,
} from '@countersign/contract/platform'
import { createMasterKey } from '@countersign/ground/seal'
import { createLog, type Log, Metrics } from '@countersign/ground/telemetry'
import { freePort } from '@countersign/ground/testkit'
import { checkSvid, createCsr, generateKeyPair } from '@countersign/ground/x509'
import { Permit, Refusal, renderProblem } from '@countersign/layers'
import type { Built, Env, Identity, Workload } from '@countersign/service'
import { part } from '../part.ts'
import { initialiseAuthority } from '../pki/initialise-authority.ts'

/*
 * Authorities as they run, in this process: the real part, its join door, and a plain mTLS server in place of the mesh's.
 */
export const TRUST_DOMAIN = 'test.local'
export const silent: Log = createLog({ service: 'test', node: 'test-1', level: 'silent' })

export interface Pki {
  readonly folder: string
  readonly masterKeyFile: string
  readonly bundle: string
}

/** A folder with a root and two intermediates. */
export async function createFolder(folder: string): Promise<Pki> {
  const masterKeyFile = join(folder, 'master.key')
  const masterKey = await createMasterKey(masterKeyFile)
  const pki = join(folder, 'pki')
  const instances = ['authority-1', 'authority-2']
  const { bundle } = await initialiseAuthority({
    folder: pki,
    masterKey,
    trustDomain: TRUST_DOMAIN,
    instances,
  })
  return { folder: pki, masterKeyFile, bundle }
}

export interface Host {
  readonly door: { readonly host: string; readonly port: number }
  readonly mesh: { readonly host: string; readonly port: number }
  readonly identity: Identity
  readonly events: NewAuditEvent[]
  readonly metrics: Metrics
  readonly built: Built
  /** A join token, as the desk would get one. */
  mint(name: string): Promise<{ token: string }>
  /** A request of a workload with a key of its own. */
  csrFor(name: string): Promise<string>
  close(): Promise<void>
}
export interface HostOptions {
  readonly pki: Pki
  readonly instance: string
  readonly env?: Env
  readonly meshPort?: number
}

/** Starts one authority. */
export async function startHost({
  pki,
  instance,
  env = {},
  meshPort = 0,
}: HostOptions): Promise<Host> {
  const door = { host: '127.0.0.1', port: await freePort() }
  const settings: Env = {
    AUTHORITY_FOLDER: pki.folder,
    AUTHORITY_JOIN_LISTEN: `${door.host}:${door.port}`,
    COUNTERSIGN_MASTER_KEY_FILE: pki.masterKeyFile,
    ...env,
  }
  const common = { instance, trustDomain: TRUST_DOMAIN, log: silent }
  if (part.identify === undefined) throw new Error('the authority issues its own certificate')
  const identity = await part.identify({ env: settings, ...common })
  const events: NewAuditEvent[] = []
  const metrics = new Metrics()
  const workload = {
    ...common,
    name: 'authority',
    identity,
    metrics,
    ...withAudit(events),
    ...calling(identity),
  }
  // Only what the authority uses of a workload.
  const built = await part.create(workload as unknown as Workload, settings)
  const server = await serve(built, identity, meshPort)
  const { port } = server.address() as { port: number }
  return {
    ...{ door, identity, events, metrics, built, mesh: { host: '127.0.0.1', port } },
    mint: async (name) => {
      const caller = { caller: 'desk', callerId: workloadId(TRUST_DOMAIN, 'desk') }
      const handle = built.handlers.mintToken as (input: object) => Promise<{ token: string }>
      return handle({ body: { name, ttlSeconds: 60 }, permit: caller, requestId: 'r-1' })
    },
    csrFor: async (name) => {
      const { privateKey } = await generateKeyPair()
      return createCsr({ id: workloadId(TRUST_DOMAIN, name), privateKey })
    },
    close: async () => {
      await built.drain?.()
      server.closeAllConnections()
      server.close()
      await built.close?.()
      identity.close()
    },
  }
}

function withAudit(events: NewAuditEvent[]) {
  const record = (event: NewAuditEvent) => void events.push(event)
  return { audit: { record, recordDurably: async (event: NewAuditEvent) => record(event) } }
}

/** The one call that an authority makes. */
function calling(identity: Identity) {
  const callAt = (_: unknown, at: { host: string; port: number }) => ({
    shareToken: (input: { params: { hash: string }; body: object }) =>
      callMesh(identity, at, {
        method: 'PUT',
        path: `/v1/join-tokens/${input.params.hash}`,
        body: input.body,
      }),
  })
  return { callAt }
}

/** A renewal as the mesh makes it: proven by the certificate of the moment. */
export function renewAt(identity: () => Identity, at: { host: string; port: number }) {
  return (csr: string): Promise<Issued> =>
    callMesh(identity(), at, { method: 'POST', path: '/v1/renew', body: { csr } })
}

/** Calls over mTLS; rejects with the problem's code. */
export function callMesh<T>(
  identity: Identity,
  at: { host: string; port: number },
  wanted: { method: string; path: string; body?: object },
): Promise<T> {
  const { chain, key } = identity.current()
  return new Promise((resolve, reject) => {
    const outgoing = request({
      ...{ ...at, method: wanted.method, path: wanted.path, agent: false, timeout: 2_000 },
      ...{ cert: chain, key, ca: identity.bundle(), minVersion: 'TLSv1.3' },
      checkServerIdentity: (_, peer) => checkAuthority(peer),
    })
    outgoing.once('error', reject).once('timeout', () => outgoing.destroy(new Error('timeout')))
    outgoing.once('response', async (response) => {
      const text = (await response.toArray()).join('')
      const value = JSON.parse(text) as { code?: string }
      if ((response.statusCode ?? 500) < 300) resolve(value as T)
      else reject(new Error(value.code))
    })
    outgoing.end(JSON.stringify(wanted.body ?? {}))
  })
}

function checkAuthority(peer: { raw: Buffer }): Error | undefined {
  const svid = checkSvid({ raw: peer.raw } as Parameters<typeof checkSvid>[0])
  return svid.ok && svid.id === workloadId(TRUST_DOMAIN, 'authority')
    ? undefined
    : new Error('impostor')
}

async function serve(built: Built, identity: Identity, port: number): Promise<Server> {
  const tls = () => {
    const { chain, key } = identity.current()
    return { cert: chain, key, ca: identity.bundle(), minVersion: 'TLSv1.3' } as const
  }
  const server = createServer({ ...tls(), requestCert: true, rejectUnauthorized: true })
  identity.onChange(() => server.setSecureContext(tls()))
  server.on('tlsClientError', () => undefined)
  server.on('request', (incoming, response) => void reply(built, incoming, response))
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}

async function reply(
  built: Built,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const body: unknown = JSON.parse((await incoming.toArray()).join('') || '{}')
    const [name, params] = match(`${incoming.method} ${incoming.url}`)
    const context = { permit: permitFor(incoming.socket as TLSSocket, name), requestId: 'r-1' }
    const handle = built.handlers[name] as (input: object) => Promise<object>
    const answer = await handle({ body, params, ...context })
    response.writeHead(200).end(JSON.stringify(answer))
  } catch (error) {
    const refusal = error instanceof Refusal ? error : new Refusal('INTERNAL', { cause: error })
    const problem = renderProblem(refusal, 'r-1')
    response.writeHead(problem.status, problem.headers).end(problem.body)
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
  if (!svid?.ok || caller === undefined) throw new Refusal('PEER_UNKNOWN')
  const { callers } = contract.endpoints[endpoint as keyof typeof contract.endpoints]
  const listed = callers.some((each) => each === 'workloads' || each === caller)
  if (!listed) throw new Refusal('CALLER_FORBIDDEN')
  const ask = {
    service: 'authority',
    endpoint: { name: endpoint },
    caller,
    callerId: svid.id,
    person: undefined,
  }
  const permit = Permit.authorizer(() => ({ allowed: true, rule: 'test' }))(ask as never)
  if (permit instanceof Permit) return permit
  throw new Refusal('CALLER_FORBIDDEN')
}
