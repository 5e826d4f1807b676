import type { Input } from '../state/build-entity.ts'

/** Kong's own test of what is no regular expression in formats before 3.0. */
const PLAIN = /^[A-Za-z0-9._~/%-]*$/

/** Since format 3.0 a regular expression begins with `~`; before, a path was one where it looked like one. */
export function withRegexMarks(route: Input, version: string): Input {
  const { paths } = route
  if (version === '3.0' || !Array.isArray(paths)) return route
  const marked = paths.map((path: unknown) =>
    typeof path !== 'string' || path.startsWith('~') || PLAIN.test(path) ? path : `~${path}`,
  )
  return { ...route, paths: marked }
}
