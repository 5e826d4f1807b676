import { createHash } from 'node:crypto'
import type { PluginPlace, PluginRequest } from '@countersign/kong'
import type { ProxyCacheConfig } from './config.ts'

/*
 * Under what an answer is stored (B22): the entity, the route, whoever asks with all that was proven of them and all that
 * they brought to prove it, and the canonical host, path and query. Nobody finds what was stored for somebody else, however
 * public a service says that it is; what Vary names is looked at besides.
 */
export function keyOf(asked: PluginRequest, config: ProxyCacheConfig, place: PluginPlace): string {
  const parts = [
    place.id,
    asked.route.id,
    asked.service?.id ?? null,
    asked.consumer?.id ?? null,
    asked.person === undefined ? null : [asked.person.id, asked.person.roles],
    asked.credentialId ?? null,
    asked.groups,
    asked.anonymous,
    asked.all('authorization'),
    asked.all('cookie'),
    // With its port: the service is told both, and may write them into its answer.
    asked.header('host')?.toLowerCase() ?? asked.host,
    // And where it goes on to: a transformer may have made that of a header.
    ...[asked.path, asked.upstream.path].map((path) =>
      config.ignore_uri_case ? path.toLowerCase() : path,
    ),
    queryOf(asked.query, config.vary_query_params),
    config.vary_headers?.map((name) => asked.all(name.toLowerCase())) ?? null,
  ]
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}

/** What unsafe requests name: host, path and query. */
export const addressOf = (asked: PluginRequest): string =>
  `${asked.host}${asked.path}?${asked.query}`

/** The address that a Location or Content-Location of an answer names, if it is on the same host. */
export function addressNamed(
  asked: PluginRequest,
  reference: string | undefined,
): string | undefined {
  if (reference === undefined) return undefined
  const url = URL.parse(reference, `https://${asked.host}${asked.path}`)
  if (url === null || url.hostname !== asked.host) return undefined
  return `${asked.host}${url.pathname}?${url.search.slice(1)}`
}

function queryOf(query: string, names: readonly string[] | null): unknown {
  if (names === null || names.length === 0) return query
  const given = new URLSearchParams(query)
  return names.map((name) => given.getAll(name))
}
