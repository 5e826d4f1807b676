import { randomUUID } from 'node:crypto'
import {
  type Consumer,
  EMPTY_CONFIG,
  type KongConfig,
  type PluginEntity,
  type Route,
  type Service,
  type Target,
  type Upstream,
} from '@countersign/kong'

/* Kong's entities as the control plane gives them: all fields there, with Kong's defaults. */

let clock = 1_700_000_000
const common = () => ({ id: randomUUID(), created_at: clock++, updated_at: clock, tags: null })

export const kongService = (host: string, more: Partial<Service> = {}): Service => ({
  ...common(),
  ...{ name: `${host}-service`, protocol: 'https', host, port: 443, path: null, retries: 5 },
  ...{ connect_timeout: 60_000, write_timeout: 60_000, read_timeout: 60_000 },
  ...{ client_certificate: null, tls_verify: null, tls_verify_depth: null, ca_certificates: null },
  enabled: true,
  ...more,
})

export const kongRoute = (service: Service | null, more: Partial<Route> = {}): Route => ({
  ...common(),
  ...{ name: null, service: service === null ? null : { id: service.id }, methods: null },
  ...{ protocols: ['http', 'https'], hosts: null, paths: null, headers: null, snis: null },
  ...{ sources: null, destinations: null, https_redirect_status_code: 426, regex_priority: 0 },
  ...{ strip_path: true, path_handling: 'v0', preserve_host: false },
  ...{ request_buffering: true, response_buffering: true },
  ...more,
})

export const kongConsumer = (username: string, more: Partial<Consumer> = {}): Consumer => ({
  ...common(),
  ...{ username, custom_id: null },
  ...more,
})

export const kongPlugin = (
  name: string,
  at: {
    readonly route?: { readonly id: string }
    readonly service?: { readonly id: string }
    readonly consumer?: { readonly id: string }
  } = {},
  config: Readonly<Record<string, unknown>> = {},
): PluginEntity => ({
  ...common(),
  ...{ name, instance_name: null, config, enabled: true },
  route: refTo(at.route),
  service: refTo(at.service),
  consumer: refTo(at.consumer),
  protocols: ['grpc', 'grpcs', 'http', 'https'],
})
const refTo = (entity: { readonly id: string } | undefined) =>
  entity === undefined ? null : { id: entity.id }

export const kongConfig = (more: Partial<KongConfig>): KongConfig => ({ ...EMPTY_CONFIG, ...more })

/** An upstream with its checks as Kong has them by default: off. */
export const kongUpstream = (
  name: string,
  more: Partial<Upstream> = {},
  checks: { readonly active?: object; readonly passive?: object; readonly threshold?: number } = {},
): Upstream => ({
  ...common(),
  ...{ name, algorithm: 'round-robin', hash_on: 'none', hash_fallback: 'none', slots: 1_000 },
  ...{ hash_on_header: null, hash_fallback_header: null, hash_on_cookie: null },
  ...{ hash_on_cookie_path: '/', hash_on_query_arg: null, hash_fallback_query_arg: null },
  ...{ hash_on_uri_capture: null, hash_fallback_uri_capture: null, host_header: null },
  ...{ client_certificate: null, use_srv_name: false },
  healthchecks: {
    active: {
      ...{ type: 'http', timeout: 1, concurrency: 10, http_path: '/', headers: null },
      ...{ https_sni: null, https_verify_certificate: true },
      healthy: { interval: 0, http_statuses: [200, 302], successes: 0 },
      unhealthy: {
        ...{ interval: 0, http_statuses: [429, 404, 500, 501, 502, 503, 504, 505] },
        ...{ tcp_failures: 0, timeouts: 0, http_failures: 0 },
      },
      ...checks.active,
    },
    passive: {
      type: 'http',
      healthy: { http_statuses: [200, 201, 202, 204], successes: 0 },
      unhealthy: { http_statuses: [429, 500, 503], tcp_failures: 0, timeouts: 0, http_failures: 0 },
      ...checks.passive,
    },
    threshold: checks.threshold ?? 0,
  },
  ...more,
})
export const kongTarget = (upstream: Upstream, target: string, weight = 100): Target => ({
  ...common(),
  ...{ upstream: { id: upstream.id }, target, weight },
})
