import type { Log, Metrics } from '@countersign/ground/telemetry'
import type { FleetStore, Limiter, RevocationList, VerifiedToken } from '@countersign/layers'
import type { Person } from '@countersign/policy'
import type { z } from 'zod'
import type {
  AclGroup,
  CaCertificate,
  Consumer,
  Id,
  JwtSecret,
  KeyAuthCredential,
  MtlsAuthCredential,
} from './entities.ts'

/*
 * A plugin is one file whose export implements `Plugin`. The control plane reads its schema, the gateway runs it.
 * A plugin sees requests through these types only, so that it cannot change what the gateway has decided on.
 */

/** Name, value, name, value …; names as they came, values without white space around them. */
export type FlatHeaders = readonly string[]

/** A plugin with Kong's name, configuration and place in the order. */
export interface Plugin<Config = any> {
  /** Kong's name, or your own. */
  readonly name: string
  /** Higher goes first; those of Kong are kept: jwt 1450, acl 950, rate-limiting 910 … */
  readonly priority: number
  /** Kong's configuration names and defaults. Unknown keys are a mistake. */
  readonly schema: z.ZodType<Config>
  /** It proves who asks: a route that has it needs no token of the platform beside it. */
  readonly authenticates?: true
  /**
   * Its `access` is for once. Without this a connection that goes on is asked again after a change of the configuration, and
   * ends where it is refused or answered. With it, and `authenticates`, what it has proven holds while its entity is unchanged.
   */
  readonly again?: false
  /** Where it may stand; everywhere where nothing is said. */
  readonly scopes?: readonly ('global' | 'service' | 'route' | 'consumer')[]
  /** Defaults that are safer here than Kong's; shown with the entity. */
  readonly safer?: readonly SaferDefault[]
  /** Called once for each entity at each change of the configuration, not for each request. Throws nothing. */
  create(config: Config, place: PluginPlace): PluginInstance
}
export interface SaferDefault {
  readonly field: string
  readonly kong: string
  readonly here: string
  readonly why: string
}

/** What one plugin entity does. A phase that it does not need is left out, and costs nothing. */
export interface PluginInstance {
  /**
   * Before the request goes on. Throws `Refusal` to refuse it, calls `asked.answer` to answer it, or changes `asked.upstream`.
   * Returns nothing where it has nothing to wait for.
   */
  access?(asked: PluginRequest): void | Promise<void>
  /**
   * When the head of the answer is known, also of one that a plugin or the gateway itself gives. What was said in
   * `asked.answerHeaders` is among its headers already.
   */
  head?(answer: PluginAnswer, asked: PluginRequest): void
  /**
   * Asked after `head` of an answer from upstream. Where it gives a function, the body is collected (at most `bytesMax`;
   * a longer one passes unchanged and `undefined` is given) and replaced by what the function returns. An answer without
   * a body (HEAD, 204, 304) gives an empty one; where `head` has made a 200 of a 304, what is returned is its body.
   */
  body?(answer: PluginAnswer, asked: PluginRequest): PluginBody | undefined
  /**
   * Asked after `head` of an answer from upstream that has a body. What it gives sees the bytes that the client will get,
   * after every `body`, as they pass; it cannot change or hold them. For caches and records.
   */
  tap?(answer: PluginAnswer, asked: PluginRequest): PluginTap | undefined
  /** After the answer has left, whatever came out. Must not throw. */
  log?(done: PluginRecord): void
  /** The configuration has changed: this instance is asked no more. */
  close?(): void | Promise<void>
}
export interface PluginBody {
  readonly bytesMax: number
  /** A body longer than `bytesMax`, or broken off, is not given: 502. For rules that nothing may get past. */
  readonly required?: true
  /** `undefined`: longer than `bytesMax`, or broken off. What is returned replaces the body. */
  readonly done: (whole: Buffer | undefined) => Buffer | undefined
}

export interface PluginTap {
  /** Must neither keep nor change `chunk`, whose bytes may be used again: copy what is needed. */
  data(chunk: Buffer): void
  /** `whole`: the service has sent all of it. Called once, whatever comes. */
  end(whole: boolean): void
}

export interface ServiceInfo {
  readonly id: Id
  readonly name: string
  readonly host: string
  readonly port: number
  readonly protocol: string
}
export interface RouteInfo {
  readonly id: Id
  readonly name: string
  /** From a service's contract: read-only. */
  readonly declared: boolean
}

/** A request as a plugin sees it: canonical. Only `upstream` can be changed. */
export interface PluginRequest {
  readonly requestId: string
  readonly traceId: string
  readonly spanId: string
  readonly method: string
  /** Canonical. */
  readonly path: string
  /** Without `?`. */
  readonly query: string
  /** Without port, in lower case. */
  readonly host: string
  /** 1.0, 1.1 or 2 */
  readonly httpVersion: string
  readonly headers: FlatHeaders
  /** First value of a header; `name` in lower case. */
  header(name: string): string | undefined
  /** All values of a header; `name` in lower case. */
  all(name: string): readonly string[]
  /** Declared length of the body in bytes; undefined where it comes in chunks; 0 where there is none. */
  readonly contentLength: number | undefined
  readonly client: {
    /** Address of the client, as the balancer or socket tells it. */
    readonly address: string
    readonly tlsVersion: string
    readonly tlsCipher: string
    readonly sni: string | undefined
    /** DER of the certificates that the client has shown, leaf first; not checked by anybody yet. */
    certificates(): readonly Buffer[]
  }
  readonly route: RouteInfo
  readonly service: ServiceInfo | undefined
  /** Captures of a regular expression in the route's path, by name or number. */
  readonly captures: Readonly<Record<string, string>>
  /** Milliseconds since 1970, when its first byte was looked at. */
  readonly startedAt: number

  /** Who asks, as far as a plugin or the platform's own check has proven it. */
  readonly person: Person | undefined
  readonly consumer: Consumer | undefined
  /** Id of the credential that was used, for records and limits. */
  readonly credentialId: string | undefined
  /** What the consumer may be known by: acl groups, roles of the token. */
  readonly groups: readonly string[]
  /** Nobody has proven anything, and a plugin has let the request pass as its `anonymous` consumer. */
  readonly anonymous: boolean
  /** States who asks. Sets the consumer's headers towards the service: only the gateway does that. */
  authenticated(who: {
    readonly person?: Person | undefined
    readonly consumer?: Consumer | undefined
    readonly credentialId?: string | undefined
    readonly groups?: readonly string[]
    readonly anonymous?: boolean
    /** When the proof is over, in seconds since 1970: a connection that is kept open for it ends then. */
    readonly expiresAt?: number
  }): void

  /**
   * Tells the service by which groups it was let pass: `X-Consumer-Groups`, or `X-Authenticated-Groups` where there is
   * no consumer. Only the gateway sets these headers. Without a call they are not sent.
   */
  tellGroups?(groups: readonly string[]): void

  /** The request as it will go on. */
  readonly upstream: UpstreamDraft
  /**
   * Reads the body whole, at most `bytesMax`, for plugins that look into it. Rejects with Refusal BODY_TOO_LARGE. What is
   * read goes on unless `upstream.body` is set.
   */
  body(bytesMax: number): Promise<Buffer>
  /** Answers in place of the service. The first answer counts; no later plugin's `access` runs. */
  answer(answer: {
    readonly status: number
    readonly headers?: FlatHeaders
    readonly body?: Buffer | string | undefined
  }): void
  /** Headers that the answer will carry, whoever gives it: rate-limit figures, a correlation id, CORS. */
  readonly answerHeaders: HeaderDraft
  /** For notes of one plugin instance on one request, from phase to phase. */
  readonly notes: Map<object, unknown>
}

/** Headers that can be changed. Names of the platform's own (identity, forwarding, framing) are passed over in silence. */
export interface HeaderDraft {
  get(name: string): string | undefined
  /** Replaces all of that name. */
  set(name: string, value: string): void
  add(name: string, value: string): void
  remove(name: string): void
  readonly flat: FlatHeaders
}
export interface UpstreamDraft {
  method: string
  /** Canonical; checked again before it is sent. */
  path: string
  query: string
  /** `undefined`: the body as it came. */
  body: Buffer | undefined
  readonly headers: HeaderDraft
}
export interface PluginAnswer {
  status: number
  /** The service's `date` can be read and not changed: the door itself says when an answer was given. */
  readonly headers: HeaderDraft
  /** Where it comes from. */
  readonly source: 'service' | 'plugin' | 'gateway'
}

/** What has become of a request. */
export interface PluginRecord {
  readonly asked: PluginRequest
  readonly status: number
  readonly answerHeaders: FlatHeaders
  readonly source: 'service' | 'plugin' | 'gateway'
  /** Bytes of bodies. */
  readonly requestBytes: number
  readonly answerBytes: number
  /** Milliseconds: in all; until the service's head of the answer from when it was asked; the difference. */
  readonly totalMs: number
  readonly upstreamMs: number | undefined
  readonly gatewayMs: number
  /** Each call of an instance. */
  readonly tries: readonly { readonly address: string; readonly status: number | undefined }[]
}

/** Where an entity stands, and what the gateway lends it. */
export interface PluginPlace {
  readonly id: Id
  readonly service: ServiceInfo | undefined
  readonly route: RouteInfo | undefined
  readonly consumer: Consumer | undefined
  readonly tools: PluginTools
}
export interface PluginTools {
  readonly log: Log
  readonly metrics: Metrics
  readonly limiter: Limiter
  readonly directory: Directory
  /** Verifies a token of the platform's own identity provider, cached. Throws `Refusal`. */
  verifyToken(token: string): VerifiedToken | Promise<VerifiedToken>
  /** Issuer and audience of those tokens. */
  readonly issuer: string
  readonly audience: string
  /**
   * HTTP to a place that an operator has configured: https or http, no redirect, bounded time and size, and no address
   * that the operator has not allowed (no link-local, metadata or loopback address without leave).
   */
  fetch(request: {
    readonly url: string
    readonly method?: string
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: string | Buffer
    readonly timeoutMs?: number
    readonly bytesMax?: number
  }): Promise<{ readonly status: number; readonly headers: FlatHeaders; readonly body: Buffer }>
  /**
   * The roots of the platform's own workloads (PEM), and what its authorities have taken back: the gateway's identity has
   * both. Absent: there are no certificates of workloads to tell from others.
   */
  readonly platform?:
    | { bundle(): string; readonly revocations: Pick<RevocationList, 'refusalOf'> }
    | undefined
  now(): number // milliseconds since 1970
  /** Calls `what` again and again until the instance closes; errors are logged. */
  every(ms: number, what: () => void | Promise<void>): () => void
  /** What health checks say of the targets of upstreams at this time; left out where nothing balances. */
  targets?(): Iterable<TargetState>
  /**
   * What all gateways know together for a while, such as who was first; the keys are this plugin's own. It is `away` while
   * the gateways' Redis is, and always where several gateways have none: decide what is right then. A secret goes in sealed.
   */
  readonly fleet: FleetStore
  /** A store of this gateway that outlives changes of the configuration, for caches: one for each `name`. */
  shared<T extends object>(name: string, make: () => T): T
}

export interface TargetState {
  /** Name of the upstream. */
  readonly upstream: string
  /** `host:port`, as configured. */
  readonly target: string
  /** `ip:port`; empty where the host has none. */
  readonly address: string
  readonly state: 'healthchecks_off' | 'healthy' | 'unhealthy' | 'dns_error'
}

/** Consumers and what they prove themselves with. Answers come from memory. */
export interface Directory {
  consumer(idOrName: string): Consumer | undefined
  consumerByCustomId(customId: string): Consumer | undefined
  jwtSecret(
    key: string,
  ): { readonly credential: JwtSecret; readonly consumer: Consumer } | undefined
  /** Compares in constant time. Keys that have run out are not there; a `ttl` of 0 or null never ends. */
  keyAuth(
    key: string,
  ): { readonly credential: KeyAuthCredential; readonly consumer: Consumer } | undefined
  mtlsAuth(
    subjectName: string,
  ): readonly { readonly credential: MtlsAuthCredential; readonly consumer: Consumer }[]
  groups(consumer: Id): readonly AclGroup[]
  /** By id, or by a tag. */
  caCertificate(idOrTag: string): CaCertificate | undefined
}
