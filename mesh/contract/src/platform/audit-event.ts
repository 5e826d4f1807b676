import { z } from 'zod'

/*
 * One event of the audit log. The first six fields are the AuditLog of the design; the others carry the names of
 * the Elastic Common Schema. `countersign` holds what proves a hop or explains a refusal.
 */
const text = z.string().max(1024)
const witness = z.record(
  z.string().max(64),
  z.union([z.string().max(512), z.number(), z.boolean()]),
)

export const auditEventSchema = z.strictObject({
  /** Chosen by the sender (UUID): the log keeps one event an id, however often it is sent. */
  id: z.uuid(),
  timestamp: z.iso.datetime(),
  serviceName: z.string().min(1).max(128),
  /** `<service>.<endpoint>` for calls; otherwise a noun and a verb, as in `certificate.issue`. */
  action: z.string().min(1).max(128),
  userId: text.nullable(),
  /** `intent` goes before an effect; one of the others closes it. */
  status: z.enum(['intent', 'success', 'refused', 'failure']),
  event: z.strictObject({
    kind: z.enum(['event', 'alert']),
    category: z
      .array(
        z.enum([
          'api',
          'authentication',
          'configuration',
          'iam',
          'intrusion_detection',
          'network',
          'process',
          'session',
        ]),
      )
      .min(1),
    type: z
      .array(
        z.enum([
          'access',
          'admin',
          'allowed',
          'denied',
          'change',
          'connection',
          'creation',
          'deletion',
          'start',
          'end',
          'error',
          'info',
        ]),
      )
      .min(1),
    /** Refusal code, as in the problem that the caller saw. */
    code: text.optional(),
    reason: text.optional(),
    duration: z.number().nonnegative().optional(),
  }),
  service: z.strictObject({ node: z.strictObject({ name: text }), id: text.optional() }).optional(),
  user: z
    .strictObject({ name: text.optional(), roles: z.array(text).max(32).optional() })
    .optional(),
  client: z.strictObject({ workload: text.optional(), ip: text.optional() }).optional(),
  http: z
    .strictObject({
      request: z.strictObject({ id: text.optional(), method: text.optional() }).optional(),
      response: z.strictObject({ status_code: z.int() }).optional(),
    })
    .optional(),
  url: z.strictObject({ path: text, domain: text.optional() }).optional(),
  trace: z.strictObject({ id: text }).optional(),
  tls: z
    .strictObject({
      version: text.optional(),
      cipher: text.optional(),
      client: z.strictObject({ serial: text.optional(), not_after: text.optional() }).optional(),
    })
    .optional(),
  rule: z.strictObject({ id: text, name: text.optional() }).optional(),
  countersign: z
    .strictObject({
      door: text.optional(),
      hinge: z.enum(['parse', 'authenticate', 'authorise', 'record', 'forward']).optional(),
      /** What allowed or refused: `contract payment.charge callers`, `operator policy line 3` … */
      rule: text.optional(),
      /** The smallest change that would have let the request pass. */
      remedy: text.optional(),
      limit: z
        .strictObject({ policy: text, remaining: z.int(), resetSeconds: z.int().nonnegative() })
        .optional(),
      /** Calls that the handler made, with the identity that each other side proved. */
      downstream: z.array(witness).max(16).optional(),
      /** What a handler saw of its store: engine, transport, role, sealing. */
      witness: z.array(witness).max(16).optional(),
      connection: text.optional(),
      /** How many like this were counted and not stored one by one. */
      repeated: z.int().positive().optional(),
      details: witness.optional(),
    })
    .optional(),
})
export type AuditEvent = z.infer<typeof auditEventSchema>
/** What a caller says of an event; id, time and service are added by the writer. */
export type NewAuditEvent = Omit<AuditEvent, 'id' | 'timestamp' | 'serviceName' | 'service'> & {
  readonly id?: string
  readonly timestamp?: string
}
export type Witness = z.infer<typeof witness>
