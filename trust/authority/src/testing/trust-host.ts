import type { KeyObject } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import type { Server } from 'node:https'
import type { NewAuditEvent, RevocationWord } from '@countersign/contract/platform'
import { Metrics } from '@countersign/ground/telemetry'
import { keyIdOf } from '@countersign/ground/x509'
import type { Identity, Workload } from '@countersign/service'
import { X509Certificate } from 'node:crypto'
import type { Registered } from '../evidence/domain/fact.ts'
import { type Authority, openAuthority } from '../issuing/authority.ts'
import { issuingHandlers } from '../issuing/issuing-handlers.ts'
import type { House } from '../house.ts'
import { Listeners } from '../listeners.ts'
import { ownIdentity } from '../own-identity.ts'
import type { PeerLink } from '../peers/line.ts'
import { instanceFolder } from '../pki/places.ts'
import { openStore, type Store } from '../store/store.ts'
import { PEER_EXCHANGE_MS_MAX, PEER_STEP_MS_MAX } from '../trust/limits.ts'
import { openTrust } from '../trust/open-trust.ts'
import { peerLink, type RunningTrust, runTrust } from '../trust/run-trust.ts'
import type { Trust } from '../trust/trust.ts'
import type { Lifetimes, TrustOptions } from '../trust/trust-view.ts'
import { createEvents } from '../events.ts'
import { callMesh, serveMesh } from './mesh.ts'
import { silent, TRUST_DOMAIN } from './test-pki.ts'

/* Authorities with their trust as it is, in this process, each behind a real mTLS server. */

/** What all authorities of a test share: the folder, the registry, and which lines between them are cut. */
export interface Town {
  readonly folder: string
  readonly masterKey: KeyObject
  readonly lifetimes: Lifetimes
  readonly ports: Readonly<Record<string, number>>
  /** What the registry lists; undefined while it is away. */
  registered: Registered[] | undefined
  /** `authority-1 authority-2`: the first cannot reach the second. */
  readonly cut: Set<string>
  /** The same for one step of a rotation: what is lost of it. */
  readonly lost: Map<string, 'question' | 'answer'>
  now(): number
}

export interface TrustHost extends RunningTrust {
  readonly instance: string
  readonly trust: Trust
  readonly authority: Authority
  readonly identity: Identity
  readonly events: NewAuditEvent[]
  readonly metrics: Metrics
  readonly revoked: RevokedList
  readonly mesh: { readonly host: string; readonly port: number }
  readonly store: Store
  close(): Promise<void>
}

export async function startTrustHost(
  town: Town,
  instance: string,
  more: Partial<TrustOptions> = {},
): Promise<TrustHost> {
  const { folder, masterKey, lifetimes } = town
  mkdirSync(instanceFolder(folder, instance), { recursive: true, mode: 0o700 })
  const store = openStore(instanceFolder(folder, instance))
  const now = () => town.now()
  const common = { folder, instance, trustDomain: TRUST_DOMAIN, store, log: silent, now }
  const trust = await openTrust({ ...common, masterKey, lifetimes, rotation: 'auto', ...more })
  const revoked = new RevokedList()
  const authority = await openAuthority({
    ...{ ...common, trust, signers: trust.signers, revocations: revoked },
    leafLifetimeSeconds: lifetimes.leafMs / 1_000,
  })
  const house = { authority, trust, revocations: revoked } as unknown as House
  const identity = await ownIdentity(house, silent)
  const { workload, events, metrics } = recording(instance, identity)
  const links = Object.keys(town.ports).map((name) =>
    linkTo(town, { from: instance, to: name, identity }),
  )
  const running = runTrust({
    ...{ trust, workload, links, issued: authority.issued, revocations: revoked },
    liveness: { instances: async () => town.registered ?? Promise.reject(new Error('it is away')) },
  })
  await running.start()
  const tell = createEvents(workload as Workload)
  const handlers = {
    ...running.handlers,
    ...issuingHandlers({
      authority,
      revocations: revoked,
      events: tell,
      publicNames: ['localhost'],
    }),
  }
  const port = town.ports[instance] ?? 0
  const server = await serveMesh(handlers, identity, port)
  const close = () => stop({ server, running, store, identity })
  const mesh = { host: '127.0.0.1', port }
  return {
    ...running,
    instance,
    trust,
    authority,
    identity,
    events,
    metrics,
    revoked,
    mesh,
    store,
    close,
  }
}

async function stop(parts: {
  server: Server
  running: RunningTrust
  store: Store
  identity: { close(): void }
}): Promise<void> {
  const { server, running, store, identity } = parts
  server.closeAllConnections()
  server.close()
  await running.close()
  identity.close()
  await store.close()
}

/** Only what an authority uses of a workload. */
function recording(instance: string, identity: Identity) {
  const events: NewAuditEvent[] = []
  const metrics = new Metrics()
  const record = (event: NewAuditEvent) => void events.push(event)
  const audit = { record, recordDurably: async (event: NewAuditEvent) => record(event) }
  const workload = { instance, identity, metrics, audit, log: silent } as unknown as Workload
  return { workload, events, metrics }
}

type StepReply = Awaited<ReturnType<Parameters<typeof peerLink>[0]['rotate']>>

function linkTo(
  town: Town,
  { from, to, identity }: { from: string; to: string; identity: Identity },
): PeerLink {
  const at = { host: '127.0.0.1', port: town.ports[to] ?? 0 }
  const call = async <T>(path: string, body: object, timeoutMs: number): Promise<T> => {
    if (town.cut.has(`${from} ${to}`)) throw new Error('the line is cut')
    return callMesh<T>(identity, at, { method: 'POST', path, body, timeoutMs })
  }
  return peerLink(
    {
      sync: ({ body }) => call('/v1/sync', body, PEER_EXCHANGE_MS_MAX),
      rotate: async ({ body }) => {
        const lost = body.dryRun === true ? undefined : town.lost.get(`${from} ${to}`)
        if (lost !== undefined) town.lost.delete(`${from} ${to}`)
        if (lost === 'question') throw new Error('the question is lost')
        const reply = await call<StepReply>('/v1/rotations', body, PEER_STEP_MS_MAX)
        if (lost === 'answer') throw new Error('the answer is lost')
        return reply
      },
    },
    `127.0.0.1:${at.port}`,
  )
}

/** What was taken back, to write on. */
class RevokedList {
  readonly #words: RevocationWord[] = []
  readonly #listeners = new Listeners((error) => silent.error(error))
  readonly onChange = this.#listeners.add

  add(word: RevocationWord): void {
    this.#words.push(word)
    this.#listeners.tell()
  }
  words(): readonly RevocationWord[] {
    return this.#words
  }
  has({ serial, lineage }: { serial: string; lineage?: string }): boolean {
    return this.#words.some((word) =>
      'serial' in word ? word.serial === serial : word.lineage === lineage,
    )
  }
}

/** The ids of the CAs in a PEM text. */
export function idsIn(pem: string): string[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  return blocks.map((block) => keyIdOf(new X509Certificate(block)))
}
