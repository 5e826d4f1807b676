import type { AuditEvent } from '@countersign/contract/platform'
import type { DoorConnection } from '../door/door.ts'
import type { Entry } from '../explain/read-request.ts'

/** What a tour has seen, from the client's side and from the log. */
export interface Evidence {
  readonly trustDomain: string
  /** The connection that carried the order, as TLS proved it to us. */
  readonly connection: DoorConnection | undefined
  readonly login:
    | {
        readonly claims: Readonly<Record<string, unknown>>
        readonly requestId: string
        readonly entries: readonly Entry[]
      }
    | undefined
  readonly order:
    | { readonly status: number; readonly requestId: string; readonly entries: readonly Entry[] }
    | undefined
  /** Entries of the log whose place in it was proven from a signed checkpoint, by index. */
  readonly proven: ReadonlyMap<number, string>
  /** What ended the tour early, at the client's side. */
  readonly fault: string | undefined
  /** Why the log could not be asked. */
  readonly logFault?: string
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
  return event.countersign?.downstream?.findLast(
    ({ hop, service: name }) =>
      name === service || (typeof hop === 'string' && hop.startsWith(`${service}.`)),
  )
}

/** Why something is not proven: the refusal that stands in its way, or that nothing is there. */
export function absence(evidence: Evidence, what: string): { readonly fault: string } {
  const { fault, logFault, order } = evidence
  if (fault !== undefined) return { fault: `${what}: ${fault}` }
  if (logFault !== undefined) return { fault: `${what}: the log cannot be read: ${logFault}` }
  const refused = order?.entries.find(({ event }) => event.event.code !== undefined)
  if (refused === undefined)
    return { fault: order === undefined ? what : `${what}; the door answered ${order.status}` }
  const { event, serviceName, countersign } = refused.event
  const why = [event.code, countersign?.rule].filter((text) => text !== undefined)
  return { fault: `${what}; ${serviceName} said: ${why.join(', ')}` }
}

/** Only what is there: absent facts leave no trace in a proof. */
export function facts(all: Readonly<Record<string, string | number | boolean | undefined>>): Proof {
  return Object.fromEntries(
    Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
}
