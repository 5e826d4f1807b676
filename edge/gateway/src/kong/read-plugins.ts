import { type ParsedLimit, parseLimit } from '@countersign/contract'
import { type Plugin, type PluginConfig, pluginSchemas } from './kong-schema.ts'
import type { KongText } from './read-kong.ts'

/* What the plugins of a route mean here. Each function notes its mistakes and goes on. */

const UNIT_BYTES = { bytes: 1, kilobytes: 1024, megabytes: 1024 * 1024 }
const BODY_BYTES_MAX = 64 * 1024 * 1024
const BODY_BYTES = 64 * 1024

type Path = readonly PropertyKey[]
export type Plugins = Partial<PluginConfig>

/** The plugins of one place, each with its settings. */
export function readPlugins(plugins: readonly Plugin[], at: Path, source: KongText): Plugins {
  const found: Record<string, unknown> = {}
  for (const [i, plugin] of plugins.entries()) {
    if (found[plugin.name] !== undefined)
      source.wrong([...at, i], `${plugin.name} stands here twice`)
    const config = source.check(pluginSchemas[plugin.name], plugin.config, [...at, i, 'config'])
    found[plugin.name] = config ?? {}
  }
  return found as Plugins
}

/** The limit that rate-limiting stands for; `undefined` where there is none that could hold. */
export function readLimit(
  config: PluginConfig['rate-limiting'] | undefined,
  at: Path,
  source: KongText,
): ParsedLimit | undefined {
  if (config === undefined) {
    source.wrong(
      at,
      'has no limit; add the plugin rate-limiting to the route, its service or the file',
    )
    return undefined
  }
  const rates = (['second', 'minute', 'hour', 'day'] as const)
    .filter((window) => config[window] !== undefined)
    .map((window) => `${config[window]}/${window}`)
  const limit = parseLimit(
    `${rates.join(', ')} per ${config.limit_by === 'ip' ? 'address' : 'person'}`,
  )
  if (typeof limit !== 'string') return limit
  source.wrong(
    at,
    rates.length === 0
      ? 'its rate-limiting names no second, minute, hour or day'
      : `its rate-limiting ${limit}`,
  )
  return undefined
}

/** The largest body, in bytes. */
export function readBodySize(
  config: PluginConfig['request-size-limiting'] | undefined,
  at: Path,
  source: KongText,
): number {
  if (config === undefined) return BODY_BYTES
  const bytes = config.allowed_payload_size * UNIT_BYTES[config.size_unit]
  if (bytes > BODY_BYTES_MAX)
    source.wrong(at, 'its request-size-limiting allows more than 64 megabytes')
  return Math.min(bytes, BODY_BYTES_MAX)
}
