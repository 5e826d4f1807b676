/*
 * Kong's entities, as they are stored and as the gateways get them: every field is there, defaults filled in.
 * Names and defaults are those of Kong Gateway 3 (https://developer.konghq.com/gateway/entities/).
 */
export type Id = string
export interface Ref {
  readonly id: Id
}
interface Entity {
  readonly id: Id
  /** Seconds since 1970. */
  readonly created_at: number
  readonly updated_at: number
  readonly tags: readonly string[] | null
}

export type ServiceProtocol =
  | 'http'
  | 'https'
  | 'grpc'
  | 'grpcs'
  | 'tcp'
  | 'tls'
  | 'tls_passthrough'
  | 'udp'
export interface Service extends Entity {
  readonly name: string | null
  readonly protocol: ServiceProtocol
  /** Name of an upstream entity, of a service in the registry, or of a host in DNS: looked up in this order. */
  readonly host: string
  readonly port: number
  readonly path: string | null
  readonly retries: number
  /** Milliseconds, these three. */
  readonly connect_timeout: number
  readonly write_timeout: number
  readonly read_timeout: number
  readonly client_certificate: Ref | null
  readonly tls_verify: boolean | null
  readonly tls_verify_depth: number | null
  readonly ca_certificates: readonly Id[] | null
  readonly enabled: boolean
}

export interface Route extends Entity {
  readonly name: string | null
  readonly service: Ref | null
  readonly protocols: readonly string[]
  readonly methods: readonly string[] | null
  readonly hosts: readonly string[] | null
  /** A prefix, or after `~` a regular expression. */
  readonly paths: readonly string[] | null
  readonly headers: Readonly<Record<string, readonly string[]>> | null
  readonly snis: readonly string[] | null
  readonly sources: readonly { readonly ip?: string; readonly port?: number }[] | null
  readonly destinations: readonly { readonly ip?: string; readonly port?: number }[] | null
  readonly https_redirect_status_code: number
  readonly regex_priority: number
  readonly strip_path: boolean
  readonly path_handling: 'v0' | 'v1'
  readonly preserve_host: boolean
  readonly request_buffering: boolean
  readonly response_buffering: boolean
}

export interface Consumer extends Entity {
  readonly username: string | null
  readonly custom_id: string | null
}
export interface JwtSecret extends Entity {
  readonly consumer: Ref
  readonly key: string
  readonly secret: string | null
  readonly rsa_public_key: string | null
  readonly algorithm: string
}
export interface KeyAuthCredential extends Entity {
  readonly consumer: Ref
  readonly key: string
  /** Seconds; null for ever. */
  readonly ttl: number | null
}
export interface AclGroup extends Entity {
  readonly consumer: Ref
  readonly group: string
}
/** Which consumer a certificate's subject name stands for (Kong: `mtls-auth` credentials). */
export interface MtlsAuthCredential extends Entity {
  readonly consumer: Ref
  readonly subject_name: string
  readonly ca_certificate: Ref | null
}

export interface PluginEntity extends Entity {
  readonly name: string
  readonly instance_name: string | null
  readonly service: Ref | null
  readonly route: Ref | null
  readonly consumer: Ref | null
  /** As the plugin's schema has filled it in. */
  readonly config: Readonly<Record<string, unknown>>
  readonly protocols: readonly string[]
  readonly enabled: boolean
}

export interface HealthThresholds {
  readonly active: {
    readonly type: 'http' | 'https' | 'tcp' | 'grpc' | 'grpcs'
    readonly timeout: number
    readonly concurrency: number
    readonly http_path: string
    readonly https_sni: string | null
    readonly https_verify_certificate: boolean
    readonly headers: Readonly<Record<string, readonly string[]>> | null
    readonly healthy: {
      readonly interval: number
      readonly http_statuses: readonly number[]
      readonly successes: number
    }
    readonly unhealthy: {
      readonly interval: number
      readonly http_statuses: readonly number[]
      readonly tcp_failures: number
      readonly timeouts: number
      readonly http_failures: number
    }
  }
  readonly passive: {
    readonly type: 'http' | 'https' | 'tcp' | 'grpc' | 'grpcs'
    readonly healthy: { readonly http_statuses: readonly number[]; readonly successes: number }
    readonly unhealthy: {
      readonly http_statuses: readonly number[]
      readonly tcp_failures: number
      readonly timeouts: number
      readonly http_failures: number
    }
  }
  /** Percent of healthy weight below which the whole upstream counts as unhealthy. */
  readonly threshold: number
}
export type HashOn =
  | 'none'
  | 'consumer'
  | 'ip'
  | 'header'
  | 'cookie'
  | 'path'
  | 'query_arg'
  | 'uri_capture'
export interface Upstream extends Entity {
  readonly name: string
  readonly algorithm: 'round-robin' | 'least-connections' | 'consistent-hashing' | 'latency'
  readonly hash_on: HashOn
  readonly hash_fallback: HashOn
  readonly hash_on_header: string | null
  readonly hash_fallback_header: string | null
  readonly hash_on_cookie: string | null
  readonly hash_on_cookie_path: string
  readonly hash_on_query_arg: string | null
  readonly hash_fallback_query_arg: string | null
  readonly hash_on_uri_capture: string | null
  readonly hash_fallback_uri_capture: string | null
  readonly slots: number
  readonly healthchecks: HealthThresholds
  readonly host_header: string | null
  readonly client_certificate: Ref | null
  readonly use_srv_name: boolean
}
/** Times of targets are seconds with three decimals, as Kong gives them. */
export interface Target extends Entity {
  readonly upstream: Ref
  /** `host:port`; 8000 where no port was given. */
  readonly target: string
  readonly weight: number
}

export interface Certificate extends Entity {
  /** PEM. The key is sealed at rest and never shown again. */
  readonly cert: string
  readonly key: string
  readonly cert_alt: string | null
  readonly key_alt: string | null
}
export interface CaCertificate extends Entity {
  readonly cert: string
  /** Lower case hex of the SHA-256 of the DER. */
  readonly cert_digest: string
}
export interface Sni extends Entity {
  /** A host name; may begin or end with `*.` or `.*`. */
  readonly name: string
  readonly certificate: Ref
}

/** All there is to know for a gateway; one of these replaces the one before as a whole. */
export interface KongConfig {
  readonly services: readonly Service[]
  readonly routes: readonly Route[]
  readonly consumers: readonly Consumer[]
  readonly jwt_secrets: readonly JwtSecret[]
  readonly keyauth_credentials: readonly KeyAuthCredential[]
  readonly acls: readonly AclGroup[]
  readonly mtls_auth_credentials: readonly MtlsAuthCredential[]
  readonly plugins: readonly PluginEntity[]
  readonly upstreams: readonly Upstream[]
  readonly targets: readonly Target[]
  readonly certificates: readonly Certificate[]
  readonly ca_certificates: readonly CaCertificate[]
  readonly snis: readonly Sni[]
}
export type Collection = keyof KongConfig
export type EntityOf<C extends Collection> = KongConfig[C][number]

export const EMPTY_CONFIG: KongConfig = {
  services: [],
  routes: [],
  consumers: [],
  jwt_secrets: [],
  keyauth_credentials: [],
  acls: [],
  mtls_auth_credentials: [],
  plugins: [],
  upstreams: [],
  targets: [],
  certificates: [],
  ca_certificates: [],
  snis: [],
}
