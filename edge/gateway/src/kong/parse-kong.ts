import { GATEWAY } from '@countersign/contract'
import { canonicalPath } from '@countersign/ground/http1'
import type { PrefixRoute } from '../domain/route-table.ts'
import {
  type KongFile,
  type KongRoute,
  type KongService,
  kongSchema,
  METHODS,
} from './kong-schema.ts'
import { KongError, KongText } from './read-kong.ts'
import { type Plugins, readBodySize, readLimit, readPlugins } from './read-plugins.ts'

/*
 * - the most specific plugin wins: of a route, then of its service, then of the file
 * - a token is required unless the route or its service has the tag `public`; the plugin jwt says so in words
 * - a route without rate-limiting is a mistake, as an endpoint without a limit is one
 * - an upstream is the name of a service in the registry, reached over mutual TLS as that service and no other
 */
const PUBLIC = 'public'
const SERVICE_NAME = /^[a-z][a-z0-9-]{0,62}$/

type Path = readonly PropertyKey[]
interface Upstream {
  readonly service: string
  readonly prefix: string
}

/** Reads a declarative kong.yml. `file` is for messages only. Throws `KongError` with all mistakes at once. */
export function parseKong(text: string, file: string): readonly PrefixRoute[] {
  const source = new KongText(text, file)
  const kong = source.check(kongSchema, source.value())
  const routes = kong === undefined ? [] : compile(kong, source)
  if (source.mistakes.length > 0) throw new KongError(source.mistakes)
  return routes
}

function compile(kong: KongFile, source: KongText): readonly PrefixRoute[] {
  const everywhere = readPlugins(kong.plugins, ['plugins'], source)
  const seen = new Map<string, string>()
  return kong.services.flatMap((service, i) => {
    const at = ['services', i]
    const upstream = readUpstream(service, at, source)
    const plugins = { ...everywhere, ...readPlugins(service.plugins, [...at, 'plugins'], source) }
    return service.routes.flatMap((route, j) => {
      const routeAt = [...at, 'routes', j]
      const own = readPlugins(route.plugins, [...routeAt, 'plugins'], source)
      const isPublic = [...(service.tags ?? []), ...(route.tags ?? [])].includes(PUBLIC)
      if (isPublic && (own.jwt ?? own.acl) !== undefined)
        source.wrong(routeAt, 'has the tag "public" and yet asks for a token or a role')
      const compiled = compileRoute(
        { service, route, upstream, plugins: { ...plugins, ...own }, isPublic, at: routeAt },
        source,
      )
      for (const each of compiled) checkUnique(each, seen, routeAt, source)
      return compiled
    })
  })
}

function readUpstream(service: KongService, at: Path, source: KongText): Upstream {
  const separate = service.host !== undefined || service.path !== undefined
  if ((service.url === undefined) === (service.host === undefined) || (service.url && separate))
    source.wrong(at, 'needs either "url" or "host"')
  const url = service.url === undefined ? undefined : URL.parse(service.url)
  if (service.url !== undefined && url?.protocol !== 'https:')
    source.wrong([...at, 'url'], 'must begin with https://: services are reached over mutual TLS')
  if (url && (url.username || url.password || url.search || url.hash))
    source.wrong([...at, 'url'], 'must not hold user, password, query or fragment')
  const name = url?.hostname ?? service.host ?? ''
  if (!SERVICE_NAME.test(name))
    source.wrong(
      [...at, url ? 'url' : 'host'],
      'the host must be the name of a service in the registry',
    )
  return { service: name, prefix: (url?.pathname ?? service.path ?? '').replace(/\/$/, '') }
}

interface Wanted {
  readonly service: KongService
  readonly route: KongRoute
  readonly upstream: Upstream
  readonly plugins: Plugins
  readonly isPublic: boolean
  readonly at: Path
}

function compileRoute(wanted: Wanted, source: KongText): readonly PrefixRoute[] {
  const { route, upstream, plugins, isPublic, at, service } = wanted
  const limit = readLimit(plugins['rate-limiting'], at, source)
  const name = camelCase(route.name)
  return route.paths.flatMap((path, i) => {
    const prefix = path === '/' ? '' : path
    const canonical = canonicalPath(path)
    if (!canonical.ok || canonical.path !== path || prefix.endsWith('/') || path.startsWith('~')) {
      source.wrong(
        [...at, 'paths', i],
        `${JSON.stringify(path)} is not a plain path such as "/orders", without expression, escape or trailing slash`,
      )
      return []
    }
    if (limit === undefined) return []
    return [
      {
        prefix,
        methods: route.methods,
        hosts: route.hosts,
        route: {
          service: upstream.service,
          label: `${upstream.service}.${name}`,
          origin: source.at(at),
          rewrite: { cut: route.strip_path ? prefix.length : 0, prefix: upstream.prefix },
          endpoint: {
            name,
            method: 'ANY',
            path: `${prefix}/*`,
            kind: 'mount' as const,
            callers: [GATEWAY],
            roles: isPublic ? ('stranger' as const) : (plugins.acl?.allow ?? ('anyone' as const)),
            limit,
            status: 200,
            audited: true,
            idempotent: false,
            timeoutMs: service.read_timeout,
            bodyBytesMax: readBodySize(plugins['request-size-limiting'], at, source),
          },
        },
      },
    ]
  })
}

/** The same path, method and host twice, or one name for two routes of a service, would make the order of lines matter. */
function checkUnique(
  found: PrefixRoute,
  seen: Map<string, string>,
  at: Path,
  source: KongText,
): void {
  const here = source.at(at)
  const keys = (found.hosts ?? ['*']).flatMap((host) =>
    (found.methods ?? METHODS).map((method) => `${method} ${host} ${found.prefix}/`),
  )
  keys.push(`the name ${found.route.label}`)
  for (const key of keys) {
    const other = seen.get(key)
    if (other !== undefined && other !== here) {
      source.wrong(at, `${key} is claimed at ${other} already`)
      return
    }
    seen.set(key, here)
  }
}

function camelCase(name: string): string {
  return name.replaceAll(/[-_]+([A-Za-z0-9]?)/g, (_whole, next: string) => next.toUpperCase())
}
