import {
  type AuditEvent,
  auditEventSchema,
  type NewAuditEvent,
} from '@countersign/contract/platform'
import type { z } from 'zod'
import { EVENT_BYTES_MAX } from './limits.ts'

/*
 * What a caller says of an event becomes an event that the collector takes, whatever was said:
 *
 * - a text that is too long is cut and ends in a marker; a list that is too long is cut
 * - what the schema does not know, or cannot be, is left out
 * - what is still too large loses its hops first, then everything but who did what and how it ended
 *
 * The repairs follow what the schema complains of, so a change of the schema needs none here.
 */
const CUT = '…[cut]'
const REPAIRS_MAX = 4

export interface Sender {
  readonly service: string
  readonly instance: string
}

/** Completes an event; `line` is its JSON. `id` and `now` are for an event that brings none. */
export function completeEvent(
  said: NewAuditEvent,
  sender: Sender,
  fresh: { readonly id: string; readonly now: Date },
): { event: AuditEvent; line: string } {
  const whole = {
    ...said,
    userId: said.userId ?? null,
    id: said.id ?? fresh.id,
    timestamp: said.timestamp ?? fresh.now.toISOString(),
    serviceName: sender.service,
    service: { node: { name: sender.instance } },
  }
  for (const candidate of [() => whole, () => withoutHops(whole)]) {
    const event = repair(candidate())
    const line = event === undefined ? '' : JSON.stringify(event)
    if (event !== undefined && Buffer.byteLength(line) <= EVENT_BYTES_MAX) return { event, line }
  }
  const event = bareEvent(whole, { ...sender, ...fresh })
  return { event, line: JSON.stringify(event) }
}

type Whole = Omit<NewAuditEvent, 'id' | 'timestamp'> &
  Pick<AuditEvent, 'id' | 'timestamp' | 'serviceName' | 'service'>

function withoutHops(whole: Whole): unknown {
  const { downstream, witness, details, ...countersign } = whole.countersign ?? {}
  return { ...whole, user: undefined, countersign }
}

/** The least that can be said; every field of the caller's is checked or cut. */
function bareEvent(whole: Whole, sure: Sender & { id: string; now: Date }): AuditEvent {
  const status = auditEventSchema.shape.status.safeParse(whole.status)
  const id = auditEventSchema.shape.id.safeParse(whole.id)
  return {
    id: id.success ? id.data : sure.id,
    timestamp: sure.now.toISOString(),
    serviceName: sure.service,
    action: nameOf(whole.action),
    userId: typeof whole.userId === 'string' ? cut(whole.userId, 256) : null,
    status: status.success ? status.data : 'failure',
    event: {
      kind: 'event',
      category: ['process'],
      type: ['error'],
      reason: 'the event did not have the declared form; the rest of it is left out',
    },
    service: { node: { name: cut(sure.instance, 256) } },
  }
}

function repair(whole: unknown): AuditEvent | undefined {
  let read = auditEventSchema.safeParse(whole)
  for (let round = 0; !read.success && round < REPAIRS_MAX; round++) {
    const copy = structuredCopy(whole)
    for (const issue of read.error.issues) mend(copy, issue)
    whole = copy
    read = auditEventSchema.safeParse(whole)
  }
  return read.success ? read.data : undefined
}

// What JSON can say of it: functions, symbols and the like are gone, a cycle or a getter that throws is nothing.
function structuredCopy(value: unknown): unknown {
  try {
    return JSON.parse(JSON.stringify(value))
  } catch {
    return undefined
  }
}

type Container = Record<PropertyKey, unknown>

function mend(root: unknown, issue: z.core.$ZodIssue): void {
  const { path } = issue
  const parent = at(root, path.slice(0, -1))
  const key = path.at(-1)
  const value = at(root, path)
  if (issue.code === 'unrecognized_keys' && isContainer(value))
    for (const unknown of issue.keys) delete value[unknown]
  else if (typeof value === 'string' && isContainer(parent) && key !== undefined && isLong(issue))
    parent[key] = cut(value, issue.code === 'too_big' ? Number(issue.maximum) : WITNESS_TEXT_MAX)
  else if (issue.code === 'too_big' && Array.isArray(value)) value.length = Number(issue.maximum)
  else remove(root, path)
}

// A text of a witness is one of several types, so what is wrong with it is not said more exactly.
const WITNESS_TEXT_MAX = 512
const isLong = ({ code }: z.core.$ZodIssue): boolean =>
  code === 'too_big' || code === 'invalid_union'

function at(root: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => (isContainer(value) ? value[key] : undefined), root)
}
const isContainer = (value: unknown): value is Container =>
  typeof value === 'object' && value !== null

// What is missing or stands in a list cannot be taken out alone: the whole that needs it goes.
function remove(root: unknown, path: readonly PropertyKey[]): void {
  const above = path.slice(0, -1)
  const parent = at(root, above)
  const key = path.at(-1)
  if (key === undefined) return
  if (isContainer(parent) && !Array.isArray(parent) && Object.hasOwn(parent, key))
    delete parent[key]
  else remove(root, above)
}

function nameOf(action: unknown): string {
  return typeof action === 'string' && action !== '' ? cut(action, 128) : 'event.unreadable'
}

function cut(text: string, lengthMax: number): string {
  return text.length <= lengthMax ? text : `${text.slice(0, lengthMax - CUT.length)}${CUT}`
}
