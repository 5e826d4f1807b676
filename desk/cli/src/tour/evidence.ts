import type { AuditEvent } from '@countersign/contract/platform'
import type { DoorConnection } from '../door/door.ts'
import type { Entry } from '../explain/read-request.ts'

/** What a tour has seen, from the client's side and from the log. */
export interface Evidence {
  readonly trustDomain: string
  /** The connection that carried the order, as TLS proved it to us. */
  readonly connection: DoorConnection | undefined
  readonly login:
    | { readonly claims: Readonly<Record<string, unknown>>; readonly entries: readonly Entry[] }
    | undefined
  readonly order:
    | {
        readonly status: number
        readonly requestId: string
        readonly problem: string | undefined
        readonly remaining: string | undefined
        readonly entries: readonly Entry[]
      }
    | undefined
  /** Entries of the log whose place in it was proven from a signed checkpoint, by index. */
  readonly proven: ReadonlyMap<number, string>
  /** What ended the tour early. */
  readonly fault: string | undefined
}

export type Proof = Readonly<Record<string, string | number | boolean>>
/** A step or hop with its proof, or what is missing. */
export type Finding = { readonly proof: Proof } | { readonly fault: string }

/** The last word of a service on the order: its outcome, not its intent. */
export function outcomeOf(evidence: Evidence, service: string): Entry | undefined {
  return evidence.order?.entries.findLast(
    ({ event }) =>
      event.serviceName === service && event.status !== 'intent' && event.event.reason !== 'intent',
  )
}

/** What a service noted of its call to another: the identity that the other side proved. */
export function callTo(event: AuditEvent, service: string): Proof | undefined {
  return event.countersign?.downstream?.find(
    (each) => typeof each.hop === 'string' && each.hop.startsWith(`${service}.`),
  )
}

/** Why something is not proven: the refusal that stands in its way, or that nothing is there. */
export function absence(evidence: Evidence, what: string): { readonly fault: string } {
  const { fault, order } = evidence
  if (fault !== undefined) return { fault: `${what}: ${fault}` }
  const refusal = order?.entries.findLast(({ event }) =>
    ['refused', 'failure'].includes(event.status),
  )?.event
  if (refusal !== undefined) {
    const why = [refusal.event.code, refusal.countersign?.rule].filter((text) => text !== undefined)
    return { fault: `${what}; ${refusal.serviceName} said: ${why.join(', ')}` }
  }
  return { fault: order === undefined ? what : `${what}; the door answered ${order.status}` }
}

/** Only what is there: absent facts leave no trace in a proof. */
export function facts(all: Readonly<Record<string, string | number | boolean | undefined>>): Proof {
  return Object.fromEntries(
    Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
}
