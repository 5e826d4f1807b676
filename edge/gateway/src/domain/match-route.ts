import type { Asked } from './operator/arm.ts'
import type { Compiled } from './operator/compile.ts'
import { type Captures, NO_CAPTURES } from './operator/path-rule.ts'
import type { Route } from './route.ts'
import type { Match, RouteTree } from './route-tree.ts'

/*
 * - the platform's own paths come first: no operator takes the login away
 * - then the routes of operators, which an administrator has put there with a record of it
 * - then what services have declared
 * A Host that only a route of an operator names finds such routes and nothing else.
 */
export type Matched =
  | {
      readonly found: true
      readonly route: Route
      /** One of the platform's own. */
      readonly platform: boolean
      /** Characters of the path that the route's path has matched. */
      readonly cut: number
      readonly captures: Captures
    }
  /** `allow`: methods that this path answers; empty where nothing has this path. */
  | { readonly found: false; readonly allow: readonly string[] }

/** Finds the route of a request. `ourHost`: the door serves its Host whatever operators say. */
export function matchRoute(compiled: Compiled, asked: Asked, ourHost: boolean): Matched {
  if (ourHost) {
    const own = inTree(compiled.contracts.platform, asked, true)
    if (own !== undefined) return own
  }
  const { table } = compiled.kong
  const found = table.size === 0 ? undefined : table.match(asked)
  if (found !== undefined)
    return {
      found: true,
      platform: false,
      route: found.arm.route,
      cut: found.cut,
      captures: found.captures,
    }
  return (ourHost ? inTree(compiled.contracts.tree, asked, false) : undefined) ?? NOWHERE
}

/** What the tree says of a path; `undefined` where it does not have it. */
function inTree(tree: RouteTree, asked: Asked, platform: boolean): Matched | undefined {
  const match: Match = tree.match(asked.method, asked.path)
  if (match.found)
    return { found: true, route: match.route, platform, cut: 0, captures: NO_CAPTURES }
  return match.allow.length > 0 || match.closed === true ? match : undefined
}
const NOWHERE: Matched = { found: false, allow: [] }
