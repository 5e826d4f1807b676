import { pathToFileURL } from 'node:url'
import { isAbsolute, resolve } from 'node:path'
import { ConfigError } from '@countersign/ground/config'
import { messageOf } from '@countersign/ground/errors'
import type { Plugin } from './plugin.ts'

/**
 * Loads the user's own plugins. Each module has one as its default export, or several, each under a name of its own.
 * Throws `ConfigError` with all mistakes at once: a route must not lose a plugin because its file has one.
 */
export async function loadPlugins(
  paths: readonly string[],
  bundled: readonly Plugin[],
): Promise<readonly Plugin[]> {
  const mistakes: string[] = []
  const loaded: Plugin[] = []
  const names = new Set(bundled.map(({ name }) => name))
  for (const path of paths) {
    try {
      const found = pluginsOf(await import(urlOf(path)))
      if (found.length === 0) mistakes.push(`${path}: exports no plugin`)
      for (const plugin of found) {
        if (names.has(plugin.name))
          mistakes.push(`${path}: there is a plugin ${plugin.name} already`)
        names.add(plugin.name)
        loaded.push(plugin)
      }
    } catch (error) {
      mistakes.push(`${path}: ${messageOf(error)}`)
    }
  }
  if (mistakes.length > 0) throw new ConfigError(mistakes)
  return loaded
}

const urlOf = (path: string): string => pathToFileURL(isAbsolute(path) ? path : resolve(path)).href

function pluginsOf(module: unknown): Plugin[] {
  if (typeof module !== 'object' || module === null) return []
  return [...new Set(Object.values(module))].filter(isPlugin)
}

function isPlugin(value: unknown): value is Plugin {
  if (typeof value !== 'object' || value === null) return false
  const { name, priority, schema, create } = value as Partial<Record<keyof Plugin, unknown>>
  return (
    typeof name === 'string' &&
    /^[a-z][a-z0-9-]{0,62}$/.test(name) &&
    typeof priority === 'number' &&
    typeof create === 'function' &&
    typeof schema === 'object' &&
    schema !== null &&
    'safeParse' in schema
  )
}
