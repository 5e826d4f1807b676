import type { PluginRequest } from '@countersign/kong'
import { READ_BODY_BYTES_MAX } from '../limits.ts'
import { valuesOf, withoutParameters } from './parameters.ts'

/** A body in which texts have names: a form, or a JSON object. Others have none. */
export interface BodyKeys {
  valuesOf(name: string): readonly string[]
  without(names: readonly string[]): Buffer
}

/** Reads it, at most READ_BODY_BYTES_MAX. Rejects with Refusal BODY_TOO_LARGE. */
export async function readBodyKeys(asked: PluginRequest): Promise<BodyKeys | undefined> {
  const type = asked.header('content-type')?.split(';', 1)[0]?.trim().toLowerCase()
  if (asked.contentLength === 0) return undefined
  if (type === 'application/x-www-form-urlencoded')
    return formKeys((await asked.body(READ_BODY_BYTES_MAX)).toString('latin1'))
  if (type === 'application/json')
    return jsonKeys((await asked.body(READ_BODY_BYTES_MAX)).toString('utf8'))
  return undefined
}

function formKeys(encoded: string): BodyKeys {
  return {
    valuesOf: (name) => valuesOf(encoded, name),
    without: (names) => Buffer.from(withoutParameters(encoded, names), 'latin1'),
  }
}

function jsonKeys(text: string): BodyKeys | undefined {
  const members = parseMembers(text)
  if (members === undefined) return undefined
  return {
    valuesOf(name) {
      const value = members.get(name)
      return typeof value === 'string' ? [value] : []
    },
    without: (names) =>
      Buffer.from(
        JSON.stringify(Object.fromEntries([...members].filter(([name]) => !names.includes(name)))),
      ),
  }
}

/** In a map, so that no name means more than another. */
function parseMembers(text: string): Map<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? new Map(Object.entries(value)) : undefined
  } catch {
    return undefined
  }
}
