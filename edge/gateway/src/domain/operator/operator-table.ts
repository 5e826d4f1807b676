import { type Arm, type Asked, compareArms, fits } from './arm.ts'
import { HostIndex, type HostPattern } from './host-pattern.ts'
import { type Captures, NO_CAPTURES, type PathRule } from './path-rule.ts'

/** An arm that a request fits. */
export interface Found {
  readonly arm: Arm
  /** Characters of the path that the route's path has matched; 0 where it names none. */
  readonly cut: number
  readonly captures: Captures
}

/** An arm with its place in the order of all of them: the smaller, the sooner. */
interface Ranked {
  readonly arm: Arm
  readonly rank: number
  /** Where nothing of the answer depends on the request. */
  readonly found: Found
}

/*
 * Routes by host, then by prefix; expressions last. A request looks up its host (and what wildcards mean it), in each place
 * the prefixes of its path that are as long as some prefix there, and asks the few arms that it finds in their order,
 * as long as they could come before the best one so far. Thousands of routes cost what the few cost that share host and
 * path.
 */
export class OperatorTable {
  readonly #byHost = new HostIndex<Place>()
  readonly #anywhere = new Place()
  readonly size: number

  constructor(arms: readonly Arm[]) {
    this.size = arms.length
    const sorted = [...arms].sort(compareArms)
    for (const [rank, arm] of sorted.entries()) {
      const cut = arm.path?.kind === 'prefix' ? arm.path.prefix.length : 0
      const ranked = { arm, rank, found: { arm, cut, captures: NO_CAPTURES } }
      if (arm.hosts.length === 0) this.#anywhere.add(ranked, undefined)
      for (const host of arm.hosts) this.#byHost.at(host, () => new Place()).add(ranked, host.port)
    }
  }

  /** Whether a route names this host. `host` in lower case, without port. */
  knowsHost(host: string): boolean {
    return this.#byHost.knows(host)
  }

  match(asked: Asked): Found | undefined {
    let best: Ranked | undefined
    let found: Found | undefined
    for (const place of this.#byHost.all(asked.host)) {
      const better = place.search(asked, best)
      if (better !== undefined) [best, found] = better
    }
    const better = this.#anywhere.search(asked, best)
    return better === undefined ? found : better[1]
  }
}

type Better = readonly [Ranked, Found]
interface Entry {
  readonly ranked: Ranked
  readonly port: number | undefined
}

/** The arms of one host pattern. Added in the order of their rank. */
class Place {
  readonly #prefixes = new Map<string, Entry[]>()
  /** Which lengths of prefixes there are: others are not looked up. */
  readonly #lengths: boolean[] = []
  readonly #expressions: Entry[] = []
  readonly #pathless: Entry[] = []

  add(ranked: Ranked, port: HostPattern['port']): void {
    const { path } = ranked.arm
    this.#listFor(path).push({ ranked, port })
  }

  #listFor(path: PathRule | undefined): Entry[] {
    if (path === undefined) return this.#pathless
    if (path.kind === 'regex') return this.#expressions
    const known = this.#prefixes.get(path.prefix) ?? []
    this.#prefixes.set(path.prefix, known)
    this.#lengths[path.prefix.length] = true
    return known
  }

  /** The first arm that fits and comes before `best`. */
  search(asked: Asked, best: Ranked | undefined): Better | undefined {
    let better = first(this.#pathless, asked, best)
    better = this.#searchPrefixes(asked, better?.[0] ?? best) ?? better
    return firstExpression(this.#expressions, asked, better?.[0] ?? best) ?? better
  }

  /** At each slash: what ends before it, and what ends with it; then the whole path. */
  #searchPrefixes(asked: Asked, best: Ranked | undefined): Better | undefined {
    if (this.#prefixes.size === 0) return undefined
    const { path } = asked
    let better: Better | undefined
    for (let at = 0; at !== -1; at = path.indexOf('/', at + 1)) {
      if (at > 0) better = this.#at(at, asked, better?.[0] ?? best) ?? better
      better = this.#at(at + 1, asked, better?.[0] ?? best) ?? better
    }
    if (path.endsWith('/')) return better
    return this.#at(path.length, asked, better?.[0] ?? best) ?? better
  }

  #at(length: number, asked: Asked, best: Ranked | undefined): Better | undefined {
    if (this.#lengths[length] !== true) return undefined
    const entries = this.#prefixes.get(asked.path.slice(0, length))
    return entries === undefined ? undefined : first(entries, asked, best)
  }
}

function first(
  entries: readonly Entry[],
  asked: Asked,
  best: Ranked | undefined,
): Better | undefined {
  for (const { ranked, port } of entries) {
    if (best !== undefined && ranked.rank > best.rank) return undefined
    if (port !== undefined && port !== asked.port) continue
    if (fits(ranked.arm, asked)) return [ranked, ranked.found]
  }
  return undefined
}

function firstExpression(
  entries: readonly Entry[],
  asked: Asked,
  best: Ranked | undefined,
): Better | undefined {
  for (const { ranked, port } of entries) {
    if (best !== undefined && ranked.rank > best.rank) return undefined
    const { arm } = ranked
    if ((port !== undefined && port !== asked.port) || arm.path?.kind !== 'regex') continue
    if (!fits(arm, asked)) continue
    const match = arm.path.match(asked.path)
    if (match !== undefined) return [ranked, { arm, cut: match.cut, captures: match.captures }]
  }
  return undefined
}
