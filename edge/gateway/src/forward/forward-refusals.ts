import { Refusal } from '@countersign/layers'
import type { Fault } from '../upstream/target-places.ts'
import type { Outcome } from './outcome.ts'

/** How a request ends that no service has answered. */
export type NoAnswer = Extract<Outcome, { readonly kind: 'failed' | 'unstarted' }>

/** A refusal of the request's own body comes back through the call that was to send it. */
export function refusalIn(outcome: Outcome): Refusal | undefined {
  if (outcome.kind === 'refused') return undefined
  return 'error' in outcome && outcome.error.cause instanceof Refusal
    ? outcome.error.cause
    : undefined
}

export const noService = (origin: string): Refusal =>
  new Refusal('NO_INSTANCE', {
    message: 'no Service found with those values',
    rule: `${origin}: it has no service, and no plugin has answered`,
    remedy: 'give the route a service, or a plugin that answers',
  })

const noInstance = (service: string): Refusal =>
  new Refusal('NO_INSTANCE', {
    detail: 'The service is not available at the moment. Try again.',
    rule: `registry: no instance of ${service} that its breaker lets pass`,
    remedy: `start ${service}, and see that it registers`,
    headers: { 'retry-after': '1' },
  })

/** Nobody is there; or nobody who may be asked: then an operator has to do something, and trying again is of no use. */
export function unreachable(service: string, fault: Fault | undefined): Refusal {
  if (fault === undefined) return noInstance(service)
  const rule = `${service}: ${fault.text}`
  if (fault.kind === 'unknown')
    return new Refusal('NO_INSTANCE', {
      message: 'name resolution failed',
      rule,
      remedy: `start ${service}, see that it registers, or correct the host of the service or its targets`,
      headers: { 'retry-after': '1' },
    })
  const remedy =
    'correct the host of the service or its targets, or allow the address by the setting'
  return new Refusal('UPSTREAM_FAILED', { rule, remedy })
}

export const congested = (service: string): Refusal =>
  new Refusal('OVERLOADED', {
    detail: 'Too many requests wait for this service. Try again in a second.',
    rule: `gateway: requests to ${service} wait too long for a connection`,
    remedy: `start more instances of ${service}, or send fewer requests at once`,
    headers: { 'retry-after': '1' },
  })

export function unanswered(service: string, outcome: NoAnswer): Refusal {
  if (outcome.kind === 'unstarted') return noInstance(service)
  const { error } = outcome
  const code = error.code === 'TIMEOUT' ? 'UPSTREAM_TIMEOUT' : 'UPSTREAM_FAILED'
  return new Refusal(code, {
    rule: `${service}: ${error.code}: ${error.message}`,
    remedy: `see the log of ${service}`,
    cause: error,
  })
}
