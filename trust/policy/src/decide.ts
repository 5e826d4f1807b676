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
    checkCaller(ask) ??
    checkPerson(ask) ??
    checkNarrowing(ask, narrowing) ?? { allowed: true, rule: ruleThatAllows(ask) }
}

function checkCaller({ service, endpoint, caller }: Ask): Denied | undefined {
  if (endpoint.callers.includes('*') || endpoint.callers.includes(caller)) return undefined
  return {
    allowed: false,
    code: 'CALLER_FORBIDDEN',
    rule: `contract ${service}.${endpoint.name}: callers are ${endpoint.callers.join(', ')}; this was ${caller}`,
    remedy: `add '${caller}' to the callers of ${service}.${endpoint.name}`,
  }
}

function checkPerson({ service, endpoint, person }: Ask): Denied | undefined {
  const { roles } = endpoint
  if (roles === 'stranger') return undefined
  if (person === undefined) {
    return {
      allowed: false,
      code: 'TOKEN_MISSING',
      rule: `contract ${service}.${endpoint.name}: a person is required`,
      remedy: 'send an access token: Authorization: Bearer <token>',
    }
  }
  if (roles === 'anyone' || person.roles.some((role) => roles.includes(role))) return undefined
  return {
    allowed: false,
    code: 'ROLE_MISSING',
    rule: `contract ${service}.${endpoint.name}: roles are ${roles.join(', ')}; ${person.name ?? person.id} has ${person.roles.join(', ') || 'none'}`,
    remedy:
      roles.length === 1
        ? `give ${person.name ?? person.id} the role '${roles[0]}'`
        : `give ${person.name ?? person.id} one of the roles ${roles.join(', ')}`,
  }
}

function checkNarrowing(ask: Ask, narrowing: Narrowing): Denied | undefined {
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

function ruleThatAllows({ service, endpoint, caller, person }: Ask): string {
  const who =
    endpoint.roles === 'stranger'
      ? 'no person needed'
      : endpoint.roles === 'anyone'
        ? 'any person'
        : `role ${person?.roles.filter((role) => endpoint.roles.includes(role)).join(', ')}`
  return `contract ${service}.${endpoint.name}: caller ${caller}, ${who}`
}
