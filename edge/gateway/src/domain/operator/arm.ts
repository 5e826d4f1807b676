import type { FlatHeaders } from '@countersign/ground/http1'
import type { Route as KongRoute } from '@countersign/kong'
import type { Route } from '../route.ts'
import { type HeaderRule, matchHeaders, parseHeaderRule } from './header-rule.ts'
import { type HostPattern, parseHostPattern } from './host-pattern.ts'
import { type PathRule, parsePathRule } from './path-rule.ts'
import { matchPeer, type PeerRule, parsePeerRule } from './peer-rule.ts'

/** What routes are matched by. */
export interface Asked {
  readonly method: string
  /** Canonical. */
  readonly path: string
  /** Without port, in lower case. */
  readonly host: string
  /** Of the Host header; 443 where it names none. */
  readonly port: number
  readonly headers: FlatHeaders
  readonly sni: string | undefined
  /** Of the client. */
  readonly address: string | undefined
  /** Of the public door that the client connected to. */
  readonly doorPort: number | undefined
}

/** A Kong route with one of its paths. A request has to fit all that it names. */
export interface Arm {
  readonly route: Route
  readonly methods: ReadonlySet<string> | undefined
  /** None: whatever the host. */
  readonly hosts: readonly HostPattern[]
  readonly path: PathRule | undefined
  readonly headers: readonly HeaderRule[]
  readonly snis: ReadonlySet<string> | undefined
  readonly sources: readonly PeerRule[] | undefined
  readonly destinations: readonly PeerRule[] | undefined
  readonly priority: Priority
}

/*
 * Kong's order ("How routes are prioritised" of the traditional router, 3.x), the most significant first:
 * 1. how many of methods, hosts, headers, paths, snis, sources, destinations a route names
 * 2. a route whose hosts are all exact, before one with a wildcard
 * 3. how many headers it names
 * 4. a regular expression before a prefix; among expressions the higher `regex_priority`
 * 5. the longer prefix
 * 6. the older route; Kong leaves the rest open, here it is the smaller id
 */
interface Priority {
  readonly points: number
  readonly exactHosts: boolean
  readonly headers: number
  readonly regex: number | undefined
  readonly length: number
  readonly createdAt: number
  readonly id: string
}

/** For `sort`: who comes first is asked first. */
export function compareArms({ priority: a }: Arm, { priority: b }: Arm): number {
  return (
    b.points - a.points ||
    Number(b.exactHosts) - Number(a.exactHosts) ||
    b.headers - a.headers ||
    Number(b.regex !== undefined) - Number(a.regex !== undefined) ||
    (b.regex ?? 0) - (a.regex ?? 0) ||
    b.length - a.length ||
    a.createdAt - b.createdAt ||
    (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
  )
}

/** All that an arm names beside host and path, which the table has looked at. */
export function fits(arm: Arm, asked: Asked): boolean {
  if (arm.methods !== undefined && !arm.methods.has(asked.method)) return false
  if (arm.snis !== undefined && (asked.sni === undefined || !arm.snis.has(asked.sni))) return false
  if (arm.headers.length > 0 && !matchHeaders(arm.headers, asked.headers)) return false
  // Where the client's own port cannot be known, an entry that names one fits nobody.
  if (arm.sources !== undefined && !matchPeer(arm.sources, asked.address, undefined)) return false
  const { destinations } = arm
  return destinations === undefined || matchPeer(destinations, undefined, asked.doorPort)
}

/** The arms of a route, one for each of its paths. Mistakes are told by `wrong`. */
export function armsOf(
  entity: KongRoute,
  route: Route,
  wrong: (what: string) => void,
): readonly Arm[] {
  const told = <T>(found: T | string): T[] => {
    if (typeof found !== 'string') return [found]
    wrong(found)
    return []
  }
  const hosts = (entity.hosts ?? []).flatMap((host) =>
    told(parseHostPattern(host) ?? `${JSON.stringify(host)} is no host`),
  )
  const headers = Object.entries(entity.headers ?? {})
    .filter(([name]) => name.toLowerCase() !== 'host')
    .flatMap(([name, values]) => told(parseHeaderRule(name, values)))
  const sources = entity.sources?.flatMap((each) => told(parsePeerRule(each)))
  const destinations = entity.destinations?.flatMap((each) => told(parsePeerRule(each)))
  const common = {
    route,
    methods: setOf(entity.methods, (method) => method.toUpperCase()),
    hosts,
    headers,
    snis: setOf(entity.snis, (sni) => sni.toLowerCase().replace(/\.$/, '')),
    sources: sources?.length === 0 ? undefined : sources,
    destinations: destinations?.length === 0 ? undefined : destinations,
  }
  const paths = (entity.paths ?? []).flatMap((path) => told(parsePathRule(path)))
  const wanted = paths.length > 0 ? paths : [undefined]
  return wanted.map((path) => ({ ...common, path, priority: priorityOf(entity, common, path) }))
}

function priorityOf(
  entity: KongRoute,
  arm: Omit<Arm, 'path' | 'priority'>,
  path: PathRule | undefined,
): Priority {
  const named = [
    arm.methods !== undefined,
    arm.hosts.length > 0,
    arm.headers.length > 0,
    path !== undefined,
    arm.snis !== undefined,
    arm.sources !== undefined,
    arm.destinations !== undefined,
  ]
  return {
    points: named.filter(Boolean).length,
    exactHosts: arm.hosts.length > 0 && arm.hosts.every(({ kind }) => kind === 'exact'),
    headers: arm.headers.length,
    regex: path?.kind === 'regex' ? entity.regex_priority : undefined,
    length: path?.kind === 'prefix' ? path.prefix.length : 0,
    createdAt: entity.created_at,
    id: entity.id,
  }
}

function setOf(
  values: readonly string[] | null,
  form: (value: string) => string,
): ReadonlySet<string> | undefined {
  return values === null || values.length === 0 ? undefined : new Set(values.map(form))
}
