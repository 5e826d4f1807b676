import type { ContractDescriptor, EndpointDescriptor } from '@countersign/contract'
import { isPublicEndpoint } from '@countersign/contract'
import { type Collection, type Entity, type Id, type Plugin, stableId } from '@countersign/kong'

/*
 * What services say of themselves in their contracts, as Kong's entities: a service, a route for each public endpoint, and
 * the plugins that the contract amounts to. They can be looked at like others, and are changed in the contract.
 */
const DECLARED_TAGS: readonly string[] = ['countersign', 'contract']
export type Declared = ReadonlyMap<Collection, ReadonlyMap<Id, Entity>>

/** The entities of all contracts. `since`: seconds since 1970, for entities that have no other time. */
export function declaredOf(
  contracts: readonly ContractDescriptor[],
  plugins: readonly Plugin[],
  since: number,
): Declared {
  const found: Record<'services' | 'routes' | 'plugins', Map<Id, Entity>> = {
    services: new Map(),
    routes: new Map(),
    plugins: new Map(),
  }
  const add = (collection: keyof typeof found, key: string, fields: object): Id => {
    const id = stableId(collection, `contract:${key}`)
    const times = { created_at: since, updated_at: since }
    found[collection].set(id, { id, ...times, tags: DECLARED_TAGS, ...fields } as Entity)
    return id
  }
  for (const { service, endpoints } of contracts) {
    const open = endpoints.filter((endpoint) => isPublicEndpoint(service, endpoint))
    if (open.length === 0) continue
    const id = add('services', service, serviceOf(service))
    for (const endpoint of open) {
      const key = `${service}.${endpoint.name}`
      const route = add('routes', key, routeOf(key, id, endpoint))
      for (const [name, config] of pluginsOf(endpoint))
        add(
          'plugins',
          `${key}:${name}`,
          pluginOf(name, { route, config: filled(name, config, plugins) }),
        )
    }
  }
  return new Map(Object.entries(found) as [Collection, Map<Id, Entity>][])
}

const serviceOf = (name: string): object => ({
  name,
  protocol: 'https',
  host: name,
  port: 443,
  path: null,
  retries: 1,
  connect_timeout: 2_000,
  write_timeout: 60_000,
  read_timeout: 60_000,
  client_certificate: null,
  tls_verify: true,
  tls_verify_depth: null,
  ca_certificates: null,
  enabled: true,
})

/** A pattern such as `/orders/:id` is a regular expression to Kong. */
function routeOf(name: string, service: Id, { method, path }: EndpointDescriptor): object {
  const pattern = path
    .replaceAll(/[.+?^$()[\]{}|]/g, '\\$&')
    .replaceAll(/\/:([a-zA-Z][a-zA-Z0-9]*)/g, '/(?<$1>[^/]+)')
    .replace(/\/\*$/, '/.*')
  return {
    name,
    service: { id: service },
    protocols: ['https'],
    methods: method === 'ANY' ? null : [method],
    hosts: null,
    paths: [`~${pattern}${path.endsWith('/*') ? '' : '$'}`],
    headers: null,
    snis: null,
    sources: null,
    destinations: null,
    https_redirect_status_code: 426,
    regex_priority: 0,
    strip_path: false,
    path_handling: 'v0',
    preserve_host: false,
    request_buffering: true,
    response_buffering: true,
  }
}

function pluginsOf({
  roles,
  limit,
  bodyBytesMax,
  method,
  kind,
}: EndpointDescriptor): [string, object][] {
  const windows = Object.fromEntries(limit.windows.map(({ name, max }) => [name, max]))
  const by = limit.scope === 'address' ? 'ip' : 'consumer'
  return [
    ...(roles === 'stranger' || kind === 'mount' ? [] : [['jwt', {}] as [string, object]]),
    ...(typeof roles === 'string' ? [] : [['acl', { allow: [...roles] }] as [string, object]]),
    ['rate-limiting', { ...windows, limit_by: by }],
    ...(method === 'GET'
      ? []
      : [
          ['request-size-limiting', { allowed_payload_size: bodyBytesMax, size_unit: 'bytes' }] as [
            string,
            object,
          ],
        ]),
  ]
}
const pluginOf = (name: string, { route, config }: { route: Id; config: unknown }): object => ({
  name,
  instance_name: null,
  service: null,
  route: { id: route },
  consumer: null,
  config,
  protocols: ['https'],
  enabled: true,
})

/** As the plugin's schema fills it in, where the plugin is here and takes it. */
function filled(name: string, config: object, plugins: readonly Plugin[]): unknown {
  const read = plugins.find((plugin) => plugin.name === name)?.schema.safeParse(config)
  return read?.success === true ? read.data : config
}
