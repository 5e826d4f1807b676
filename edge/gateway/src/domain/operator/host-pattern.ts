/*
 * Hosts of Kong's routes: a name, or a name with one `*` at its left or right end, which stands for one label or more;
 * then perhaps a port. An exact name beats a wildcard by the priority of its route, not here.
 */
export interface HostPattern {
  readonly kind: 'exact' | 'suffix' | 'prefix'
  /** Without its `*`, in lower case: `example.com`, `.example.com`, `example.` */
  readonly text: string
  readonly port: number | undefined
}

const PATTERN =
  /^(?:(\*)(?=\.))?(\.?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?:(\.)(\*))?(?::([0-9]{1,5}))?$/

/** Reads a host of a route; `undefined` for what is none. */
export function parseHostPattern(text: string): HostPattern | undefined {
  const [whole, left, name = '', dot = '', right, digits] =
    PATTERN.exec(text.toLowerCase().replace(/\.(?=$|:)/, '')) ?? []
  if (whole === undefined || (left !== undefined && right !== undefined)) return undefined
  if (name.startsWith('.') !== (left !== undefined)) return undefined
  const port = digits === undefined ? undefined : Number(digits)
  const kind = left !== undefined ? 'suffix' : right !== undefined ? 'prefix' : 'exact'
  return { kind, text: `${name}${dot}`, port }
}

/** One thing for each pattern of a host, found in time proportional to the labels of a host. */
export class HostIndex<T> {
  readonly #exact = new Map<string, T>()
  readonly #suffixes = new Map<string, T>()
  readonly #prefixes = new Map<string, T>()

  /** What is kept for a pattern, made where there is nothing yet. Ports are not looked at. */
  at({ kind, text }: HostPattern, make: () => T): T {
    const map = kind === 'exact' ? this.#exact : kind === 'suffix' ? this.#suffixes : this.#prefixes
    const found = map.get(text) ?? make()
    map.set(text, found)
    return found
  }
  /** Whether some pattern means this host. */
  knows(host: string): boolean {
    return this.#exact.has(host) || this.all(host).length > 0
  }
  /** All that is kept for patterns that mean `host`. */
  all(host: string): readonly T[] {
    const exact = this.#exact.get(host)
    if (this.#suffixes.size === 0 && this.#prefixes.size === 0)
      return exact === undefined ? NONE : [exact]
    const found = exact === undefined ? [] : [exact]
    for (let at = host.indexOf('.', 1); at !== -1; at = host.indexOf('.', at + 1)) {
      const suffix = this.#suffixes.get(host.slice(at))
      if (suffix !== undefined) found.push(suffix)
      const prefix = at + 1 < host.length ? this.#prefixes.get(host.slice(0, at + 1)) : undefined
      if (prefix !== undefined) found.push(prefix)
    }
    return found
  }
}
const NONE: readonly never[] = []
