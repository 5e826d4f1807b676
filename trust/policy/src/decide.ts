import type { EndpointDescriptor } from '@countersign/contract'
import type { SpiffeId } from '@countersign/ground/spiffe'
import type { Denial, Narrowing } from './narrowing.ts'

/** A person (or a client) as a verified token tells. */
export interface Person {
  readonly id: string
  readonly name: string | undefined
  readonly roles: readonly string[]
  readonly clientId: string | undefined
  readonly tokenId: string | undefined
}

/** Who asks for what, as a door has proven it. */
export interface Ask {
  readonly service: string
  readonly endpoint: EndpointDescriptor
  /** Short name of the calling workload; `'gateway'` at the public door, where the caller is the world. */
  readonly caller: string
  readonly callerId: SpiffeId | undefined
  readonly person: Person | undefined
  /** Where the endpoint was declared, for what is said of the decision: its contract where nothing is said. */
  readonly origin?: string | undefined
}
/** The answer to an ask, always with what decided. */
export type Verdict = Allowed | Denied
export interface Allowed {
  readonly allowed: true
  readonly rule: string
}
export interface Denied {
  readonly allowed: false
  readonly code: 'CALLER_FORBIDDEN' | 'ROLE_MISSING' | 'TOKEN_MISSING' | 'OPERATOR_DENIED'
  readonly rule: string
  /** The smallest change that would have let the request pass. */
  readonly remedy: string
}
export type Decide = (ask: Ask) => Verdict

/*
 * - the calling workload must be listed by the endpoint
 * - an endpoint that is not for strangers needs a person
 * - a person needs one of the listed roles
 * - what the contract allows, an operator's denial can still close; nothing an operator writes opens anything
 */
export function decider(narrowing: Narrowing): Decide {
  return (ask) =>
    checkCaller(ask) ?? checkPerson(ask) ?? checkNarrowing(ask, narrowing) ?? new Grant(ask)
}

/** The rule is put into words when somebody wants to read it. */
class Grant implements Allowed {
  readonly allowed = true
  readonly #ask: Ask
  constructor(ask: Ask) {
    this.#ask = ask
  }
  get rule(): string {
    return ruleThatAllows(this.#ask)
  }
}

const originOf = ({ origin, service, endpoint }: Ask): string =>
  origin ?? `contract ${service}.${endpoint.name}`

function checkCaller(ask: Ask): Denied | undefined {
  const { service, endpoint, caller } = ask
  if (endpoint.callers.includes('*') || endpoint.callers.includes(caller)) return undefined
  return {
    allowed: false,
    code: 'CALLER_FORBIDDEN',
    rule: `${originOf(ask)}: callers are ${endpoint.callers.join(', ')}; this was ${caller}`,
    remedy: `add '${caller}' to the callers of ${service}.${endpoint.name}`,
  }
}

function checkPerson(ask: Ask): Denied | undefined {
  const { endpoint, person } = ask
  const { roles } = endpoint
  if (roles === 'stranger') return undefined
  if (person === undefined) {
    return {
      allowed: false,
      code: 'TOKEN_MISSING',
      rule: `${originOf(ask)}: a person is required`,
      remedy: 'send an access token: Authorization: Bearer <token>',
    }
  }
  if (roles === 'anyone' || haveCommon(person.roles, roles)) return undefined
  return {
    allowed: false,
    code: 'ROLE_MISSING',
    rule: `${originOf(ask)}: roles are ${roles.join(', ')}; ${person.name ?? person.id} has ${person.roles.join(', ') || 'none'}`,
    remedy:
      roles.length === 1
        ? `give ${person.name ?? person.id} the role '${roles[0]}'`
        : `give ${person.name ?? person.id} one of the roles ${roles.join(', ')}`,
  }
}

function haveCommon(some: readonly string[], others: readonly string[]): boolean {
  for (const each of some) if (others.includes(each)) return true
  return false
}

function checkNarrowing(ask: Ask, narrowing: Narrowing): Denied | undefined {
  if (narrowing.denials.length === 0) return undefined
  const denial = narrowing.denials.find((each) => applies(each, ask))
  if (denial === undefined) return undefined
  return {
    allowed: false,
    code: 'OPERATOR_DENIED',
    rule: `${denial.at}: ${denial.reason}`,
    remedy: `remove the denial at ${denial.at}`,
  }
}

function applies(denial: Denial, { service, endpoint, caller, person }: Ask): boolean {
  if (denial.service !== service || (denial.endpoint !== '*' && denial.endpoint !== endpoint.name))
    return false
  if (denial.callers !== undefined && !denial.callers.includes(caller)) return false
  return (
    denial.roles === undefined ||
    (person?.roles.some((role) => denial.roles?.includes(role)) ?? false)
  )
}

function ruleThatAllows(ask: Ask): string {
  const { endpoint, caller, person } = ask
  const who =
    endpoint.roles === 'stranger'
      ? 'no person needed'
      : endpoint.roles === 'anyone'
        ? 'any person'
        : `role ${person?.roles.filter((role) => endpoint.roles.includes(role)).join(', ')}`
  return `${originOf(ask)}: caller ${caller}, ${who}`
}
