import { z } from 'zod'
import { contract, endpoint } from '../endpoint.ts'
import { auditEventSchema } from './audit-event.ts'

const entry = z.strictObject({ index: z.int().nonnegative(), event: auditEventSchema })

export const audit = contract('audit', {
  append: endpoint({
    at: 'POST /v1/events',
    summary:
      'Takes events into the log; answers when they are durable. An id that is known already is taken as said before',
    callers: ['workloads'],
    roles: 'stranger',
    limit: '1000/second per caller',
    body: z.strictObject({ events: z.array(auditEventSchema).min(1).max(1_000) }),
    reply: z.strictObject({ accepted: z.int().nonnegative(), known: z.int().nonnegative() }),
    audited: false,
    idempotent: true,
    bodyBytesMax: 4 * 1024 * 1024,
  }),
  query: endpoint({
    at: 'GET /v1/events',
    callers: ['desk'],
    roles: 'stranger',
    limit: '100/second per caller',
    query: z.strictObject({
      requestId: z.string().max(128).optional(),
      userId: z.string().max(256).optional(),
      service: z.string().max(128).optional(),
      action: z.string().max(128).optional(),
      status: z.enum(['intent', 'success', 'refused', 'failure']).optional(),
      kind: z.enum(['event', 'alert']).optional(),
      from: z.iso.datetime().optional(),
      until: z.iso.datetime().optional(),
      /** Only entries from this index on; with `waitMs` the answer waits for one. */
      after: z.coerce.number().int().nonnegative().optional(),
      waitMs: z.coerce.number().int().min(0).max(30_000).optional(),
      limit: z.coerce.number().int().min(1).max(1_000).default(100),
      newestFirst: z.stringbool().default(false),
    }),
    reply: z.strictObject({ entries: z.array(entry), size: z.int().nonnegative() }),
    timeoutMs: 40_000,
  }),
  /** Proof that an entry is in the log, to be checked with the verifier key alone: RFC 9162, section 2.1.3. */
  proof: endpoint({
    at: 'GET /v1/events/:index/proof',
    callers: ['desk'],
    roles: 'stranger',
    limit: '100/second per caller',
    reply: z.strictObject({
      index: z.int().nonnegative(),
      /** The entry as it was hashed: base64 of UTF-8 JSON. */
      entry: z.string(),
      leafHash: z.string(),
      /** Hashes in base64, from the leaf upwards. */
      proof: z.array(z.string()),
      /** The checkpoint whose size and root the proof is for. */
      checkpoint: z.string(),
    }),
  }),
  /** C2SP tlog-checkpoint. */
  checkpoint: endpoint({
    at: 'GET /checkpoint',
    kind: 'raw',
    callers: ['desk'],
    roles: 'stranger',
    limit: '100/second per caller',
  }),
  /** C2SP tlog-tiles: `/tile/<L>/<N>[.p/<W>]` and `/tile/entries/<N>[.p/<W>]`. */
  tile: endpoint({
    at: 'GET /tile/*',
    kind: 'raw',
    callers: ['desk'],
    roles: 'stranger',
    limit: '1000/second per caller',
  }),
  /** The Ed25519 verifier key of the log, in the form of C2SP signed-note. */
  key: endpoint({
    at: 'GET /v1/key',
    callers: ['desk'],
    roles: 'stranger',
    limit: '100/second per caller',
    reply: z.strictObject({ key: z.string() }),
  }),
})
