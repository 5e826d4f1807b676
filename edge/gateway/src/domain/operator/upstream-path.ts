import { canonicalPath } from '@countersign/ground/http1'

/** How the path of a request becomes that of the service. */
export interface Rewrite {
  /** Path of the Kong service; `/` where it has none. */
  readonly base: string
  readonly strip: boolean
  readonly handling: 'v0' | 'v1'
}

/**
 * The path that a service gets, as Kong's `path_handling` joins it: v0 treats the parts as segments, v1 as texts.
 * `cut`: characters that the route's path has matched. `undefined` where the result would not be canonical: the
 * request is refused, not repaired.
 */
export function joinPath(rewrite: Rewrite, path: string, cut: number): string | undefined {
  const { base, strip, handling } = rewrite
  if (base === '/' && (!strip || cut === 0)) return path
  const rest = strip ? path.slice(cut) : path
  const joined =
    handling === 'v0'
      ? joinSegments(rewrite, rest, path)
      : joinTexts(base, strip && cut > 0 ? rest : path.slice(1))
  const canonical = canonicalPath(joined)
  return canonical.ok ? canonical.path : undefined
}

function joinTexts(base: string, rest: string): string {
  return base.endsWith('/') && rest.startsWith('/') ? base.slice(0, -1) + rest : base + rest
}

function joinSegments({ base, strip }: Rewrite, rest: string, path: string): string {
  const slash = base.endsWith('/')
  if (!strip) {
    if (slash) return base + rest.slice(1)
    return rest === '/' ? base : base + rest
  }
  if (rest === '') return joinNothing(base, path)
  if (!rest.startsWith('/')) return slash ? base + rest : `${base}/${rest}`
  return slash ? base.slice(0, -1) + rest : base + rest
}

/** The whole path was matched: what is left tells only whether it ended with a slash. */
function joinNothing(base: string, path: string): string {
  if (base === '/') return base
  const ends = path.length > 1 && path.endsWith('/')
  if (!base.endsWith('/')) return ends ? `${base}/` : base
  return ends ? base : base.slice(0, -1)
}
