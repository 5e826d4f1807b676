import { randomBytes, X509Certificate } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { TLSSocket } from 'node:tls'
import { describe, workloadId, workloadName } from '@countersign/contract'
import { identity, type NewAuditEvent } from '@countersign/contract/platform'
import { createLog, Metrics } from '@countersign/ground/telemetry'
import { temporaryFolder } from '@countersign/ground/testkit'
import { checkSvid } from '@countersign/ground/x509'
import { Permit } from '@countersign/layers'
import type { Workload } from '@countersign/service'
import { create, type IdentityPart } from '../create.ts'
import { fetchWith } from './fetch-with.ts'
import { createPki, type Leaf, TRUST_DOMAIN } from './pki.ts'
import { createTestPeople } from './people-memory.ts'

/** A running provider behind real TLS. A connection without certificate stands for one through the gateway. */
export type Harness = Awaited<ReturnType<typeof startHarness>>

export async function startHarness(options: { databaseUrl: string; ttl?: number }) {
  const pki = await createPki()
  const people = createTestPeople()
  const events: NewAuditEvent[] = []
  const lines: string[] = []
  const folder = temporaryFolder('id-')
  let metrics = new Metrics()
  let workload = testWorkload({ people, events, lines, metrics })
  let live: IdentityPart | undefined

  const server = createServer(
    { ...(await pki.server()), ca: pki.root, requestCert: true, rejectUnauthorized: false },
    (request, response) => void answer(live, request, response, workload),
  )
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve))
  const { port } = server.address() as AddressInfo
  const issuer = `https://localhost:${port}/auth`
  const env = {
    IDENTITY_DATABASE_URL: options.databaseUrl,
    COUNTERSIGN_ISSUER: issuer,
    COUNTERSIGN_MASTER_KEY: randomBytes(32).toString('base64url'),
    COUNTERSIGN_STATE: folder.path,
    ...(options.ttl === undefined ? {} : { IDENTITY_ACCESS_TOKEN_TTL: String(options.ttl) }),
  }
  const begin = performance.now()
  live = await create(workload, env)
  const createMs = performance.now() - begin
  const clients: { close(): void }[] = []

  return {
    ...{ pki, people, events, lines, issuer, env, createMs, folder: folder.path },
    metrics: () => metrics,
    part: () => live as IdentityPart,
    /** `fetch` as a client of the door or, with a certificate, as a workload of the mesh. */
    fetchAs(leaf?: Leaf): typeof fetch {
      const client = fetchWith(pki.root, leaf)
      clients.push(client)
      return client.fetch
    },
    async restart() {
      await live?.close?.()
      metrics = new Metrics()
      workload = testWorkload({ people, events, lines, metrics })
      live = await create(workload, env)
    },
    async close() {
      for (const client of clients) client.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await live?.close?.()
      folder[Symbol.dispose]()
    },
  }
}

interface Parts {
  readonly people: ReturnType<typeof createTestPeople>
  readonly events: NewAuditEvent[]
  readonly lines: string[]
  readonly metrics: Metrics
}

/** As much of a workload as the provider asks for. */
function testWorkload({ people, events, lines, metrics }: Parts): Workload {
  return {
    name: 'identity',
    instance: 'identity-1',
    trustDomain: TRUST_DOMAIN,
    log: createLog({
      service: 'identity',
      node: 'identity-1',
      destination: { write: (line) => void lines.push(line) },
    }),
    metrics,
    audit: { record: (event: NewAuditEvent) => void events.push(event) },
    call: () => people.client,
  } as unknown as Workload
}

async function answer(
  part: IdentityPart | undefined,
  request: IncomingMessage,
  response: ServerResponse,
  workload: Workload,
): Promise<void> {
  const handlers = part?.handlers as Record<string, (input: object) => unknown>
  const permit = permitOf(request)
  const requestId = `test-${randomBytes(6).toString('hex')}`
  const context = { permit, requestId, log: workload.log, call: workload.call }
  if (request.url === '/auth/jwks') {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(await handlers.keys?.(context)))
    return
  }
  await handlers.provider?.({ ...context, request, response })
}

const authorise = Permit.authorizer(() => ({ allowed: true, rule: 'test' }))

function permitOf(request: IncomingMessage): Permit {
  const { socket } = request
  const peer =
    socket instanceof TLSSocket && socket.authorized ? socket.getPeerX509Certificate() : undefined
  const verdict = peer === undefined ? undefined : checkSvid(new X509Certificate(peer.raw))
  const callerId = verdict?.ok === true ? verdict.id : workloadId(TRUST_DOMAIN, 'gateway')
  const endpoint = describe(identity).endpoints.find((each) => each.name === 'provider')
  if (endpoint === undefined) throw new Error('the contract has lost its provider')
  const caller = workloadName(TRUST_DOMAIN, callerId) ?? 'nobody'
  const permit = authorise({ service: 'identity', endpoint, caller, callerId, person: undefined })
  if (!Permit.is(permit)) throw new Error(permit.rule)
  return permit
}
