import { Refusal } from '@countersign/layers'
import { OUTSIDE_BODY_BYTES_LIMIT, OUTSIDE_ROUTES_MAX } from './limits.ts'
import type { OutsideRoute } from './outside-route.ts'

/*
 * - a path is cut at its slashes first, and percent signs are resolved after that, segment by segment
 * - what a segment holds is compared as it is: case counts, nothing is normalised
 * - a slash or NUL in disguise, `.` and `..` lead nowhere; only `*name` takes what it gets
 * - a fixed path comes before one with parameters
 */
export interface Matched {
  readonly route: OutsideRoute
  readonly params: Readonly<Record<string, string>>
}

type Part =
  | { readonly text: string }
  | { readonly name: string; readonly ending: string }
  | { readonly rest: string }
interface Pattern {
  readonly parts: readonly Part[]
  readonly methods: Map<string, OutsideRoute>
}

const PART = /^(?::([a-z][a-zA-Z]*)(\.[a-z]+)?|\*([a-z][a-zA-Z]*)|([A-Za-z0-9._~-]*))$/

/** Finds the route of a request. Throws `TypeError` for a table that cannot be meant. */
export class Router {
  readonly #patterns: readonly Pattern[]

  constructor(routes: readonly OutsideRoute[]) {
    if (routes.length > OUTSIDE_ROUTES_MAX) throw new TypeError('too many routes')
    const patterns = new Map<string, Pattern>()
    for (const route of routes) {
      if ((route.bodyBytesMax ?? 0) > OUTSIDE_BODY_BYTES_LIMIT)
        throw new TypeError(`${route.path} asks for bodies that are too large`)
      const pattern = patterns.get(route.path) ?? { parts: parse(route.path), methods: new Map() }
      if (pattern.methods.has(route.method))
        throw new TypeError(`${route.method} ${route.path} is there twice`)
      pattern.methods.set(route.method, route)
      patterns.set(route.path, pattern)
    }
    this.#patterns = [...patterns.values()].sort((a, b) => isFixed(b) - isFixed(a))
  }

  /** `path` as it was sent, without the query. Throws `Refusal` ROUTE_UNKNOWN, METHOD_NOT_ALLOWED, REQUEST_INVALID. */
  match(method: string, path: string): Matched {
    if (!path.startsWith('/')) throw new Refusal('ROUTE_UNKNOWN')
    const raw = path.slice(1).split('/')
    const segments = raw.map(resolvePercents)
    for (const { parts, methods } of this.#patterns) {
      const params = read(parts, segments, raw)
      if (params === undefined) continue
      const route = methods.get(method) ?? (method === 'HEAD' ? methods.get('GET') : undefined)
      if (route === undefined) throw notAllowed(methods)
      return { route, params }
    }
    throw new Refusal('ROUTE_UNKNOWN')
  }
}

function parse(path: string): Part[] {
  if (!path.startsWith('/')) throw new TypeError(`${path} does not begin with a slash`)
  const segments = path.slice(1).split('/')
  return segments.map((segment, i) => {
    const [whole, name, ending = '', rest, text = ''] = PART.exec(segment) ?? []
    if (whole === undefined || (rest !== undefined && i + 1 < segments.length))
      throw new TypeError(`${path} is not a path of the outside door`)
    if (rest !== undefined) return { rest }
    return name === undefined ? { text } : { name, ending }
  })
}

function isFixed({ parts }: Pattern): number {
  return Number(parts.every((part) => 'text' in part))
}

function read(
  parts: readonly Part[],
  segments: readonly string[],
  raw: readonly string[],
): Record<string, string> | undefined {
  const params: Record<string, string> = {}
  for (const [i, part] of parts.entries()) {
    const segment = segments[i]
    if (segment === undefined) return undefined
    if ('rest' in part) {
      params[part.rest] = resolvePercents(raw.slice(i).join('/'))
      return params[part.rest] === '' ? undefined : params
    }
    if ('text' in part) {
      if (segment !== part.text) return undefined
    } else {
      const value = parameterIn(segment, part.ending)
      if (value === undefined) return undefined
      params[part.name] = value
    }
  }
  return parts.length === segments.length ? params : undefined
}

function parameterIn(segment: string, ending: string): string | undefined {
  if (!segment.endsWith(ending)) return undefined
  const value = segment.slice(0, segment.length - ending.length)
  const misleads = value === '' || value === '.' || value === '..' || /[/\0]/.test(value)
  return misleads ? undefined : value
}

function resolvePercents(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new Refusal('REQUEST_INVALID', { detail: 'the path is not well-formed' })
  }
}

function notAllowed(methods: ReadonlyMap<string, OutsideRoute>): Refusal {
  const allowed = new Set(methods.keys())
  if (allowed.has('GET')) allowed.add('HEAD')
  return new Refusal('METHOD_NOT_ALLOWED', { headers: { allow: [...allowed].sort().join(', ') } })
}
