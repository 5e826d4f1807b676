import { workloadId } from '@countersign/contract'
import type { NewAuditEvent } from '@countersign/contract/platform'
import { Metrics } from '@countersign/ground/telemetry'
import { createCsr, generateKeyPair } from '@countersign/ground/x509'
import { type Identity, obtain, RenewingIdentity, type Workload } from '@countersign/service'
import { createEvents } from '../events.ts'
import { type Authority, openAuthority } from '../issuing/authority.ts'
import { issuingHandlers } from '../issuing/issuing-handlers.ts'
import { type IssuedWatch, watchIssued } from '../issuing/issued-watch.ts'
import { openJoinDoor } from '../joining/join-door.ts'
import { recognise } from '../joining/recognise.ts'
import { redeem } from '../joining/redeem.ts'
import type { AccountTokens } from '../kubernetes/account-tokens.ts'
import { openStore, type Store } from '../store/store.ts'
import { PeerSync } from '../token/peer-sync.ts'
import { tokenHandlers } from '../token/token-handlers.ts'
import { instanceFolder } from '../pki/places.ts'
import { type AnyHandlers, callMesh, grant, serveMesh } from './mesh.ts'
import {
  createRevocations,
  type Pki,
  silent,
  type TestRevocations,
  TRUST_DOMAIN,
} from './test-pki.ts'

/* An authority in this process: issuing, tokens and the join door as they are, with a test's trust below them. */

export interface Host {
  readonly door: { readonly host: string; readonly port: number }
  readonly mesh: { readonly host: string; readonly port: number }
  readonly identity: Identity & { close(): void }
  readonly events: NewAuditEvent[]
  readonly metrics: Metrics
  readonly authority: Authority
  readonly revocations: TestRevocations
  readonly handlers: AnyHandlers
  readonly watch: IssuedWatch
  /** A join token, as the desk would get one. */
  mint(name: string): Promise<{ token: string }>
  /** A request of a workload with a key of its own. */
  csrFor(name: string): Promise<string>
  close(): Promise<void>
}
export interface HostOptions {
  readonly pki: Pki
  readonly instance: string
  readonly leafLifetimeSeconds?: number
  readonly meshPort?: number
  /** Mesh ports of the other authorities. */
  readonly peers?: readonly number[]
  readonly accounts?: AccountTokens
  /** The clock of the rates at the join door. */
  readonly joinNow?: () => number
}

/** Starts one authority. */
export async function startHost(options: HostOptions): Promise<Host> {
  const { pki, instance } = options
  const store = openStore(instanceFolder(pki.folder, instance))
  const revocations = createRevocations()
  const authority = await openAuthority({
    ...{ folder: pki.folder, instance, trustDomain: TRUST_DOMAIN, store, log: silent },
    ...{ signers: pki.signersOf(instance), trust: pki, revocations },
    leafLifetimeSeconds: options.leafLifetimeSeconds ?? 3_600,
  })
  const identity = await identify(authority)
  const running = await run(options, { store, authority, identity, revocations })
  return { ...running, authority, identity, revocations }
}

async function identify(authority: Authority): Promise<RenewingIdentity> {
  const id = workloadId(TRUST_DOMAIN, 'authority')
  const renew = (csr: string) => authority.selfIssue('authority', csr)
  return new RenewingIdentity({ id, held: await obtain(id, renew), renew, log: silent })
}

interface Opened {
  readonly store: Store
  readonly authority: Authority
  readonly identity: Identity & { close(): void }
  readonly revocations: TestRevocations
}

async function run(
  { meshPort = 0, peers = [], accounts, joinNow = Date.now }: HostOptions,
  { store, authority, identity, revocations }: Opened,
) {
  const seen = recording()
  const events = createEvents(seen.workload)
  const { tokens } = authority
  const lines = peers.map((port) => peerAt(identity, { host: '127.0.0.1', port }))
  const sync = new PeerSync({ tokens, peers: lines, log: silent })
  const watch = watchIssued({ store, issued: authority.issued, events, log: silent })
  const publicNames = ['localhost', '127.0.0.1', '::1']
  const handlers: AnyHandlers = {
    ...issuingHandlers({ authority, revocations, events, publicNames }),
    ...tokenHandlers({ tokens, sync, events }),
  }
  const door = await openJoinDoor({
    ...{ listen: { host: '127.0.0.1', port: 0 }, identity, events, now: joinNow },
    recognise: (join) => recognise(join, { tokens, accounts }),
    redeem: (ticket, wanted) => redeem(ticket, wanted, { authority, sync, events }),
  })
  const server = await serveMesh(handlers, identity, meshPort)
  const { port } = server.address() as { port: number }
  return {
    ...{ events: seen.events, metrics: seen.metrics, handlers, watch },
    door: { host: '127.0.0.1', port: door.port },
    mesh: { host: '127.0.0.1', port },
    mint: (name: string) => mintAt(handlers, name),
    csrFor,
    close: async () => {
      await door.close()
      server.closeAllConnections()
      server.close()
      sync.close()
      await watch.close()
      await store.close()
      identity.close()
    },
  }
}

/** Only what the authority uses of a workload. */
function recording() {
  const events: NewAuditEvent[] = []
  const metrics = new Metrics()
  const record = (event: NewAuditEvent) => void events.push(event)
  const audit = { record, recordDurably: async (event: NewAuditEvent) => record(event) }
  return { events, metrics, workload: { audit, metrics, log: silent } as unknown as Workload }
}

function peerAt(identity: Identity, at: { host: string; port: number }) {
  return {
    share: (hash: string, said: { name: string; expiresAt: number; spent: boolean }) =>
      callMesh<{ spent: boolean }>(identity, at, {
        method: 'PUT',
        path: `/v1/join-tokens/${hash}`,
        body: { ...said, expiresAt: new Date(said.expiresAt).toISOString() },
      }),
  }
}

async function mintAt(handlers: AnyHandlers, name: string): Promise<{ token: string }> {
  const permit = grant({ endpoint: 'mintToken', caller: 'desk' })
  const handle = handlers.mintToken as (input: object) => Promise<{ token: string }>
  return handle({ body: { name, ttlSeconds: 600 }, permit, requestId: 'r-1' })
}

async function csrFor(name: string): Promise<string> {
  const { privateKey } = await generateKeyPair()
  return createCsr({ id: workloadId(TRUST_DOMAIN, name), privateKey })
}
