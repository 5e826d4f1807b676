import type { Client, Contract, ContractDescriptor, Endpoint } from '@countersign/contract'
import type { HealthEntry, NewAuditEvent, Witness } from '@countersign/contract/platform'
import type { SpiffeId } from '@countersign/ground/spiffe'
import type { Log, Metrics, Spans } from '@countersign/ground/telemetry'
import type { Permit, RevocationList } from '@countersign/layers'

/** The live certificate of a workload. It changes while the process runs: ask for it anew at each use. */
export interface Identity {
  readonly id: SpiffeId
  current(): Credential
  /** PEM of the roots to trust. */
  bundle(): string
  /** Called after each renewal, and when the roots have changed. Returns the way to stop listening. */
  onChange(listener: () => void): () => void
  /** How often it was renewed since the start. */
  readonly renewals: number
  /** What the authorities have taken back. */
  readonly revocations: RevocationList
}
export interface Credential {
  /** PEM, leaf first. */
  readonly chain: string
  /** PKCS#8 PEM. */
  readonly key: string
  readonly serial: string
  readonly notBefore: Date
  readonly notAfter: Date
}

/** What the authorities say, as far as this process has heard. */
export interface TrustStatus {
  /** Of the bundle. */
  readonly sequence: number
  /** Of the last word; undefined before the first. */
  readonly revision: string | undefined
  /** The authorities are away: the last word counts. */
  readonly stale: boolean
  /** Until when it counts, in milliseconds since 1970. */
  readonly nextUpdate: number
  /** Our own certificate was taken back. */
  readonly revoked: boolean
}
/** The authorities' word, followed by this process. */
export interface TrustFeed {
  status(): TrustStatus
  /** Key ids of the intermediates that sign at this time; none before the first word. */
  issuers(): readonly string[]
  /** Called when they change. Returns the way to stop listening. */
  onIssuers(listener: () => void): () => void
  /**
   * Certificates that this process shows beside its own: the authorities take no root or intermediate out of use that
   * one of them needs. Asked for at each report. Returns the way to take them back.
   */
  alsoShown(
    certificates: () => readonly { serial: string; issuer: string; notAfter: number }[],
  ): () => void
  /** Reports at once: what is shown has changed. */
  say(): void
}

/** Writes audit events to the disk spool at once, and from there to the collector, at least once each. */
export interface AuditWriter {
  record(event: NewAuditEvent): void
  /** Like `record`; resolves when the event is on the spool. Rejects with Refusal AUDIT_UNAVAILABLE when the spool is full. */
  recordDurably(event: NewAuditEvent): Promise<void>
  /** Waits until the collector has all that was recorded, or `timeoutMs` is over; says how many are left. */
  flush(timeoutMs: number): Promise<number>
}

/** A state that is kept up to date by watching the registry; the last known one where the registry is away. */
export interface Watch<T> {
  current(): T
  /** True while the state could not be confirmed with the registry. */
  readonly stale: boolean
  /** Resolves when the registry has answered for the first time. */
  readonly first: Promise<void>
  onChange(listener: () => void): () => void
  close(): void
}
/** Healthy instances of a service. */
export type Instances = Watch<readonly HealthEntry[]>
/** The contracts that services have published, each checked. */
export type Contracts = Watch<readonly ContractDescriptor[]>

type AnyContract = Contract<string, Record<string, Endpoint<any, any, any, any, any, any>>>

/** A workload: one name, one identity, and what it needs to be a good citizen. */
export interface Workload<Name extends string = string> {
  readonly name: Name
  /** `order-1`: this process among those of the same name. */
  readonly instance: string
  readonly trustDomain: string
  readonly identity: Identity
  readonly log: Log
  readonly metrics: Metrics
  readonly audit: AuditWriter
  /** Where spans go; undefined where no collector is configured. */
  readonly spans: Spans | undefined
  /** Undefined where nobody follows the authorities: in an authority, and in tests. */
  readonly trust?: TrustFeed | undefined
  /** Watches the instances of a service. One watch a name, shared. */
  instances(name: string): Instances
  /** Watches the contracts that services have published. */
  contracts(): Contracts
  /** A client on behalf of the workload itself. On behalf of a person, use the `call` of the handler's context. */
  call<C extends AnyContract>(contract: C): Client<C, Name>
  /** Like `call`, pinned to one address, where a workload called `at.name` must prove itself. */
  callAt<C extends AnyContract>(
    contract: C,
    at: { readonly name: string; readonly host: string; readonly port: number },
  ): Client<C, Name>
  close(): Promise<void>
}

/** What a handler gets beside the checked input. */
export interface Context<Self extends string = string> {
  readonly permit: Permit
  readonly requestId: string
  /** Value of `Idempotency-Key`, where the caller sent one. */
  readonly idempotencyKey: string | undefined
  /** The path as it was matched, for endpoints that end in `/*`. */
  readonly path: string
  readonly signal: AbortSignal
  readonly log: Log
  /** Calls another service on behalf of the person who asked: the token, request id and trace go along. */
  call<C extends AnyContract>(contract: C): Client<C, Self>
  /** Notes what a store proved (engine, transport, role, sealing) in the audit event of this request. */
  witness(seen: Witness): void
}
