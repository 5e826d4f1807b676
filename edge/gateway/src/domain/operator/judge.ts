import { GATEWAY } from '@countersign/contract'
import { type Decide, decider, type Narrowing, type Person } from '@countersign/policy'
import { type Matched, matchRoute } from '../match-route.ts'
import type { Route } from '../route.ts'
import { type Compiled, chainOf } from './compile.ts'
import { endsAll, fieldOf } from './operator-route.ts'
import type { Chain, PlannedPlugin } from './plugin-chain.ts'

/*
 * What a request would meet under a configuration, without a running gateway: to hold recorded decisions against a change
 * before it is made. Told is what follows from values alone: the route, whether somebody has to prove who asks, roles,
 * groups, what ends every request. Limits, addresses and what a service answers are not known here.
 */
export interface Recorded {
  readonly method: string
  /** Canonical, without query. */
  readonly path: string
  /** Without port, in lower case. */
  readonly host: string
  /** Names by which the door is reached, whatever operators say. */
  readonly ourHosts: ReadonlySet<string>
  /** Who asked, if a token of the platform proved it. */
  readonly person?: Person | undefined
}
export interface Judgement {
  /** Label of the route; `undefined`: there is none. */
  readonly route: string | undefined
  readonly decision: 'pass' | 'refuse' | 'answer'
  /** Class of the status: 2 for what passes, since the service decides then. */
  readonly statusClass: 2 | 3 | 4 | 5
  /** What decides. */
  readonly rule: string
  /** Plugins that have a say whose answer cannot be told from here. */
  readonly depends: readonly string[]
}

/** Judges one request. `narrowing`: what the operator's policy file closes. */
export function judge(compiled: Compiled, asked: Recorded, narrowing: Narrowing): Judgement {
  const found = matchRoute(
    compiled,
    { ...asked, ...{ port: 443, headers: [], sni: undefined, address: undefined, doorPort: 443 } },
    asked.ourHosts.has(asked.host),
  )
  if (!found.found) {
    const rule = found.allow.length === 0 ? 'no route' : `only ${found.allow.join(', ')}`
    return { route: undefined, decision: 'refuse', statusClass: 4, rule, depends: [] }
  }
  const { planned, chains } = compiled.kong
  const at = chainOf(compiled.kong, found.route, found.platform)
  const chain: Chain = (at === undefined ? undefined : chains[at]) ?? []
  const standing = chain.flatMap(({ common }) => {
    const plugin = common === undefined ? undefined : planned[common]
    return plugin === undefined ? [] : [plugin]
  })
  const decide = decider(narrowing)
  const decided =
    endedBy(standing) ??
    refusedByPlugin(found, standing, asked.person) ??
    refusedByRoute(found.route, asked.person, decide)
  const depends = standing.map(({ entity }) => entity.name).filter((name) => !KNOWN.has(name))
  return { route: found.route.label, depends, ...(decided ?? passes(found.route, standing)) }
}
/** Plugins whose say is told here, or that never change whether a request passes. */
const KNOWN: ReadonlySet<string> = new Set([
  ...['acl', 'correlation-id', 'cors', 'http-log', 'jwt', 'opentelemetry', 'prometheus'],
  ...['request-termination', 'request-transformer', 'response-transformer'],
])

type Decided = Pick<Judgement, 'decision' | 'statusClass' | 'rule'>

function passes({ origin, endpoint }: Route, standing: readonly PlannedPlugin[]): Decided {
  const proves = standing.some(({ plugin }) => plugin.authenticates === true)
  const open = endpoint.roles === 'stranger' && !proves
  const rule = `${origin}: ${open ? 'no token needed' : 'may pass'}`
  return { decision: 'pass', statusClass: 2, rule }
}
const refused = (rule: string): Decided => ({ decision: 'refuse', statusClass: 4, rule })
const ruleOf = ({ entity }: PlannedPlugin, what: string): string =>
  `plugin ${entity.name} (${entity.id}): ${what}`

function endedBy(standing: readonly PlannedPlugin[]): Decided | undefined {
  const end = standing.find(({ entity }) => entity.name === 'request-termination')
  if (end === undefined || !endsAll(end)) return undefined
  const status = Number(fieldOf(end, 'status_code') ?? 503)
  const statusClass = status < 300 ? 2 : status < 400 ? 3 : status < 500 ? 4 : 5
  return { decision: 'answer', statusClass, rule: ruleOf(end, `answers ${status}`) }
}

/** Of plugins that prove who asks only `jwt` knows the tokens of the platform; who came with one is known to it. */
function refusedByPlugin(
  { route }: Extract<Matched, { readonly found: true }>,
  standing: readonly PlannedPlugin[],
  person: Person | undefined,
): Decided | undefined {
  const jwt = standing.find(({ entity }) => entity.name === 'jwt')
  const anonymous = jwt === undefined ? null : (fieldOf(jwt, 'anonymous') ?? null)
  if (jwt !== undefined && person === undefined && anonymous === null)
    return refused(ruleOf(jwt, `a token is required on ${route.origin}`))
  const acl = standing.find(({ entity }) => entity.name === 'acl')
  if (acl === undefined || person === undefined) return undefined
  const [allow, deny] = [listOf(acl, 'allow'), listOf(acl, 'deny')]
  if (person.roles.some((role) => deny.includes(role)))
    return refused(ruleOf(acl, `one of ${person.roles.join(', ')} is denied`))
  if (allow.length === 0 || person.roles.some((role) => allow.includes(role))) return undefined
  return refused(ruleOf(acl, `${allow.join(', ')} may pass; this was ${person.roles.join(', ')}`))
}

function listOf(planned: PlannedPlugin, field: string): readonly string[] {
  const value = fieldOf(planned, field)
  return Array.isArray(value) ? value.map(String) : []
}

function refusedByRoute(
  { service, endpoint, origin }: Route,
  person: Person | undefined,
  decide: Decide,
): Decided | undefined {
  const verdict = decide({
    ...{ service, endpoint, origin, person },
    ...{ caller: GATEWAY, callerId: undefined },
  })
  return verdict.allowed ? undefined : refused(verdict.rule)
}
