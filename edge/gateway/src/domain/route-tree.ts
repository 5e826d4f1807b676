import type { Route } from './route.ts'

/*
 * Routes by path segment. A static segment is preferred to a parameter, and that to `/*`, which takes everything below
 * its place and its place itself. Segments are compared whole: `/public` is not a beginning of `/publicX`.
 */
interface Node {
  readonly fixed: Map<string, Node>
  parameter: Node | undefined
  readonly here: Map<string, Route>
  readonly below: Map<string, Route>
}
const node = (): Node => ({
  fixed: new Map(),
  parameter: undefined,
  here: new Map(),
  below: new Map(),
})

export type Match =
  | { readonly found: true; readonly route: Route }
  /** `allow`: methods that this path answers; empty where nothing has this path. `closed`: it belongs to the mesh. */
  | { readonly found: false; readonly allow: readonly string[]; readonly closed?: true }

export class RouteTree {
  readonly #root = node()

  add(route: Route): void {
    const segments = segmentsOf(route.endpoint.path)
    const below = segments.at(-1) === '*'
    let at = this.#root
    for (const segment of below ? segments.slice(0, -1) : segments) {
      const next = segment.startsWith(':') ? at.parameter : at.fixed.get(segment)
      const made = next ?? node()
      if (segment.startsWith(':')) at.parameter = made
      else at.fixed.set(segment, made)
      at = made
    }
    const methods = below ? at.below : at.here
    methods.set(route.endpoint.method, route)
  }

  /** `path` is canonical. Answers in time proportional to the routes that share its beginning. */
  match(method: string, path: string): Match {
    const wanted: Wanted = { method, allow: undefined }
    const route = find(this.#root, path, 1, wanted)
    if (route?.closed === true) return { found: false, allow: [], closed: true }
    if (route !== undefined) return { found: true, route }
    return { found: false, allow: [...(wanted.allow ?? [])].sort() }
  }
}

interface Wanted {
  readonly method: string
  /** Methods that the path answers in place of this one, once there is any. */
  allow: Set<string> | undefined
}

/** `from`: where the next segment begins; beyond the end where there is none. */
function find(at: Node, path: string, from: number, wanted: Wanted): Route | undefined {
  if (from > path.length || path.length === 1)
    return take(at.here, wanted) ?? take(at.below, wanted)
  const slash = path.indexOf('/', from)
  const to = slash === -1 ? path.length : slash
  const fixed = at.fixed.get(path.slice(from, to))
  const found = fixed && find(fixed, path, to + 1, wanted)
  if (found !== undefined) return found
  // What a static path answers is not asked of a parameter beside it: a 405 is not a way around.
  if (fixed === undefined || wanted.allow === undefined) {
    const taken = to > from && at.parameter && find(at.parameter, path, to + 1, wanted)
    if (taken) return taken
    if (wanted.allow === undefined) return take(at.below, wanted)
  }
  return undefined
}

function take(methods: ReadonlyMap<string, Route>, wanted: Wanted): Route | undefined {
  if (methods.size === 0) return undefined
  const route = methods.get(wanted.method) ?? methods.get('ANY')
  if (route !== undefined) return route
  for (const [name, each] of methods)
    if (each.closed !== true) {
      wanted.allow ??= new Set()
      wanted.allow.add(name)
    }
  return undefined
}

/** `/` has no segment; `/a/` has two, the last one empty. */
function segmentsOf(path: string): readonly string[] {
  return path === '/' ? [] : path.slice(1).split('/')
}

/** Whether some path could be meant by both, whatever the method. `a` and `b` are paths as contracts declare them. */
export function overlap(a: string, b: string): boolean {
  const [left, right] = [segmentsOf(a), segmentsOf(b)]
  for (let i = 0; ; i++) {
    const [x, y] = [left[i], right[i]]
    if (x === '*' || y === '*') return true
    if (x === undefined || y === undefined) return x === y
    if (x !== y && !x.startsWith(':') && !y.startsWith(':')) return false
  }
}
