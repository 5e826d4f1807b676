import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { workloadId } from '@countersign/contract'
import type { CaState, TrustState } from '@countersign/contract/platform'
import { spiffeId } from '@countersign/ground/spiffe'
import { createLog } from '@countersign/ground/telemetry'
import {
  createCsr,
  createIntermediate,
  createRoot,
  generateKeyPair,
  keyIdOf,
} from '@countersign/ground/x509'
import { type Authority, openAuthority } from '../issuing/authority.ts'
import type { IssueRequest, Prepared } from '../issuing/issue-request.ts'
import type { Signer } from '../issuing/ports.ts'
import { profileOf } from '../issuing/profiles.ts'
import type { PeerLink } from '../peers/line.ts'
import { Peers } from '../peers/peers.ts'
import { openStatus, type Status } from '../revocation/open-status.ts'
import type { FindElsewhere, StatusIssuer } from '../revocation/ports.ts'
import { openRevocations, type Revocations } from '../revocation/revocations.ts'
import { statusUrls } from '../revocation/status-routes.ts'
import { intermediatesOf } from '../revocation/trusted-cas.ts'
import { openStore, type Store } from '../store/store.ts'

/*
 * Authorities as far as revocation goes: real stores, keys, issuing, lists and answers. Trust and signers are those of
 * a tree that the test plants itself, in place of the ones that rotate.
 */
export const DOMAIN = 'test.local'
export const DAY = 86_400_000
export const silent = createLog({ service: 'test', node: 'test-1', level: 'silent' })

export interface Tree {
  readonly root: StatusIssuer
  readonly bundle: string
  signers(instance: string): readonly Signer[]
  state(): TrustState
  /** Adds an intermediate that signs from now on; the one before it becomes old. */
  plant(instance: string): Promise<Signer>
  onChange(listener: () => void): () => void
}

export async function plantTree(...instances: string[]): Promise<Tree> {
  const now = Date.now()
  const span = { notBefore: now - DAY, notAfter: now + 3_650 * DAY }
  const keys = await generateKeyPair()
  const certificate = createRoot({
    ...{ trustDomainId: spiffeId(DOMAIN), commonName: 'root', keys, span, pathLength: 2 },
  })
  const root = { certificate, privateKey: keys.privateKey, id: keyIdOf(keys.publicKey) }
  const planted = new Map<string, Signer[]>()
  const listeners = new Set<() => void>()
  const entry = ({ id, certificate: pem, state }: StatusIssuer & { state: CaState }) => ({
    ...{ id, certificate: pem, state, since: now },
  })
  const tree: Tree = {
    root,
    bundle: certificate,
    signers: (instance) => planted.get(instance) ?? [],
    state: () => ({
      roots: { version: 1, entries: [entry({ ...root, state: 'active' })] },
      authorities: Object.fromEntries(
        [...planted].map(([instance, signers]) => [
          instance,
          { version: 1, entries: signers.map((each) => ({ ...entry(each), root: root.id })) },
        ]),
      ),
    }),
    plant: async (instance) => {
      const before = (planted.get(instance) ?? []).map(
        (each) => ({ ...each, state: 'old' }) as const,
      )
      const signer = await plantSigner(root, `${instance} ${before.length}`, span.notBefore)
      planted.set(instance, [...before, signer])
      for (const listener of listeners) listener()
      return signer
    },
    onChange: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  for (const instance of instances) await tree.plant(instance)
  return tree
}

async function plantSigner(root: StatusIssuer, commonName: string, start: number): Promise<Signer> {
  const { privateKey, publicKey } = await generateKeyPair()
  const span = { notBefore: start, notAfter: start + 365 * DAY }
  const certificate = createIntermediate({
    ...{ issuer: root, trustDomainId: spiffeId(DOMAIN), commonName, publicKey, span },
  })
  return { id: keyIdOf(publicKey), root: root.id, certificate, privateKey, span, state: 'active' }
}

export interface House {
  readonly instance: string
  readonly store: Store
  readonly authority: Authority
  readonly revocations: Revocations
  readonly status: Status
  /** A certificate of a workload; its lineage goes on where `renews` is given. */
  join(name: string, renews?: { serial: string; lineage: string }): Promise<Held>
  /** A server certificate for host names. */
  serve(...names: string[]): Promise<Held>
  close(): Promise<void>
}
export interface Held {
  readonly serial: string
  readonly lineage: string
  readonly notAfter: number
  /** PEM, leaf first. */
  readonly chain: string
  readonly key: string
}
export interface HouseOptions {
  readonly folder: string
  readonly tree: Tree
  readonly instance?: string
  readonly now?: () => number
  /** Whether the root's key lies here too. */
  readonly holdsRoot?: boolean
  readonly findElsewhere?: FindElsewhere
  readonly baseUrl?: string
  readonly lifetimeSeconds?: number
}

export async function openHouse(options: HouseOptions): Promise<House> {
  const { folder, tree, instance = 'authority-1', now = Date.now, holdsRoot = false } = options
  const own = join(folder, instance)
  mkdirSync(own, { recursive: true, mode: 0o700 })
  const store = openStore(own)
  const signers = { all: () => tree.signers(instance), active: () => activeOf(tree, instance) }
  const trust = { state: tree.state, bundle: () => tree.bundle, sequence: () => 1 }
  const later: { revocations?: Revocations } = {}
  const authority = await openAuthority({
    ...{ folder, instance, trustDomain: DOMAIN, store, signers, trust, log: silent, now },
    leafLifetimeSeconds: options.lifetimeSeconds ?? 3_600,
    revocations: {
      has: (asked) => later.revocations?.has(asked) ?? false,
      isCompromised: (keyHash) => later.revocations?.isCompromised(keyHash) ?? false,
    },
    statusUrls: (issuer) => statusUrls(options.baseUrl ?? 'https://localhost:1', issuer),
  })
  const { issued } = authority
  const intermediates = () => intermediatesOf(tree.state())
  const { findElsewhere } = options
  const revocations = openRevocations({
    ...{ store, issued, now, log: silent, intermediates },
    ...(findElsewhere === undefined ? {} : { findElsewhere }),
  })
  later.revocations = revocations
  const roots = { list: async () => [tree.root.id], read: async () => tree.root }
  const status = await openStatus({
    ...{ store, revocations, issued, signers: signers.all, trust: tree, now, log: silent },
    ...(holdsRoot ? { roots } : {}),
  })
  return {
    ...{ instance, store, authority, revocations, status },
    join: async (name, renews) => {
      const { privateKey } = await generateKeyPair()
      const csr = createCsr({ id: workloadId(DOMAIN, name), privateKey })
      const kind = renews === undefined ? 'join' : 'renew'
      const request = { profile: profileOf(name), kind, name, csr: await csr } as const
      return await take(
        authority,
        renews === undefined ? request : { ...request, renews },
        privateKey,
      )
    },
    serve: async (...names) => {
      const { privateKey } = await generateKeyPair()
      const csr = await createCsr({ id: workloadId(DOMAIN, 'gateway'), privateKey })
      const common = { profile: 'public-door', kind: 'public-door', name: 'gateway' } as const
      return await take(authority, { ...common, csr, names }, privateKey)
    },
    close: async () => {
      status.close()
      revocations.close()
      await store.close()
    },
  }
}

function activeOf(tree: Tree, instance: string): Signer {
  const active = tree.signers(instance).find(({ state }) => state === 'active')
  if (active === undefined) throw new Error('no signer')
  return active
}

async function take(
  authority: Authority,
  request: IssueRequest,
  privateKey: { export(options: { format: 'pem'; type: 'pkcs8' }): string | Buffer },
): Promise<Held> {
  const prepared: Prepared = await authority.prepare(request)
  const { chain } = await prepared.commit()
  const { serial, lineage, notAfter } = prepared
  const key = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
  return { serial, lineage, notAfter, chain, key }
}

/** Authorities that talk to each other, as they do, but for the wire: what is said goes through JSON. */
export async function link(...houses: House[]): Promise<{ talk(): Promise<void>; cut(): void }> {
  const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T
  let isCut = false
  const all = new Map<House, Peers>()
  const linkTo = (house: House): PeerLink => ({
    address: house.instance,
    sync: async (body) => {
      const peers = all.get(house)
      if (peers === undefined || isCut) throw new Error('away')
      return copy(await peers.hear(copy(body)))
    },
    rotate: () => Promise.reject(new Error('not here')),
  })
  for (const house of houses) {
    const others = houses.filter((each) => each !== house)
    const topics = [house.revocations.topic, house.status.topic]
    const { instance } = house
    all.set(house, new Peers({ instance, peers: others.map(linkTo), topics, log: silent }))
  }
  for (const peers of all.values()) await peers.start()
  return {
    talk: async () => {
      for (const peers of all.values()) await peers.round()
    },
    cut: () => {
      isCut = true
      for (const peers of all.values()) peers.close()
    },
  }
}
