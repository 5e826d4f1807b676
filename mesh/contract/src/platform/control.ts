import { z } from 'zod'
import { contract, endpoint } from '../endpoint.ts'

/*
 * The control plane of the gateways. A gateway asks for the configuration after the one it has; the answer comes when
 * there is a newer one, or after `wait` with the same. What it has applied it says with the next question.
 */
const limit = '100/second per caller'

export const controlConfigurationSchema = z.object({
  /** Grows with each change, also over restarts. 0: nothing was ever configured. */
  version: z.int().nonnegative(),
  /** Kong's entities: `KongConfig` of `@countersign/kong`. Keys of certificates are in the clear here: mTLS only. */
  config: z.record(z.string(), z.array(z.record(z.string(), z.unknown()))),
  /** What operators have said of targets. It holds until the checks of a gateway find otherwise. */
  overrides: z
    .array(
      z.object({
        target: z.string(),
        upstream: z.string(),
        healthy: z.boolean(),
        /** Milliseconds since 1970. */
        at: z.int().nonnegative(),
      }),
    )
    .default([]),
})
export type ControlConfiguration = z.infer<typeof controlConfigurationSchema>

/** A change of the configuration, as it is remembered. */
export const controlVersionSchema = z.object({
  version: z.int().positive(),
  at: z.iso.datetime(),
  actor: z.object({ id: z.string(), name: z.string() }),
  requestId: z.string(),
  /** `POST /services`, `roll back to version 12` … */
  what: z.string(),
  /** What became of which entity; secrets are hidden. */
  changes: z.array(
    z.object({
      collection: z.string(),
      id: z.string(),
      before: z.record(z.string(), z.unknown()).nullable(),
      after: z.record(z.string(), z.unknown()).nullable(),
    }),
  ),
  /** How many there are, where not all are listed. */
  changed: z.int().nonnegative(),
})
export type ControlVersion = z.infer<typeof controlVersionSchema>

/** What a gateway has said of itself. */
const controlGatewaySchema = z.strictObject({
  instance: z.string(),
  /** Version that it runs with. */
  applied: z.int().nonnegative(),
  /** Why the newest could not be applied. */
  fault: z.string().nullable(),
  /** Milliseconds since 1970, when it last asked. */
  seen: z.int().nonnegative(),
  present: z.boolean(),
})

/** Kong's error: code, name, message and what else Kong says. `mistakes`: each with file and line. */
const invalid = z.strictObject({
  valid: z.literal(false),
  error: z.looseObject({ code: z.int(), name: z.string(), message: z.string() }),
  mistakes: z.array(z.string()),
})
const administrators = ['admin'] as const
const byPerson = '60/minute per person'
const CONFIG_BYTES_MAX = 16 * 1024 * 1024
const declarativeText = z.strictObject({
  config: z.string().max(CONFIG_BYTES_MAX),
  /** For messages. */
  file: z.string().max(256).default('kong.yml'),
})

export const control = contract('control', {
  /** The newest configuration; waits for one after `after`. */
  configuration: endpoint({
    at: 'GET /control/configuration',
    callers: ['gateway'],
    roles: 'stranger',
    limit,
    timeoutMs: 40_000,
    query: z.object({
      after: z.coerce.number().int().min(-1).default(-1),
      /** Seconds. */
      wait: z.coerce.number().int().min(0).max(30).default(0),
      instance: z.string().min(1).max(64),
      /** Version that the gateway runs with at this time. */
      applied: z.coerce.number().int().min(0).default(0),
      /** Why the newest one could not be applied. */
      fault: z.string().max(1_000).optional(),
    }),
    reply: controlConfigurationSchema,
  }),
  /** What a gateway finds of the targets of upstreams; shown by `/upstreams/{upstream}/health`. */
  reportHealth: endpoint({
    at: 'POST /control/health',
    callers: ['gateway'],
    roles: 'stranger',
    limit,
    body: z.strictObject({
      instance: z.string().min(1).max(64),
      targets: z
        .array(
          z.strictObject({
            target: z.string().max(64),
            health: z.enum(['HEALTHY', 'UNHEALTHY', 'DNS_ERROR', 'HEALTHCHECKS_OFF']),
            /** Addresses behind it. */
            addresses: z
              .array(
                z.strictObject({
                  ip: z.string().max(64),
                  port: z.int(),
                  health: z.string().max(32),
                }),
              )
              .max(64)
              .optional(),
          }),
        )
        .max(20_000),
    }),
    bodyBytesMax: 4 * 1024 * 1024,
    audited: false,
    idempotent: true,
  }),
  /** A key for the Admin API on loopback, for the person whose token comes along. Seen here once. */
  mintAdminKey: endpoint({
    at: 'POST /control/admin-keys',
    callers: ['desk'],
    roles: administrators,
    limit: byPerson,
    reply: z.strictObject({
      key: z.string(),
      expiresAt: z.iso.datetime(),
      /** `http://127.0.0.1:8001` */
      url: z.string(),
    }),
    status: 201,
  }),
  /** Ends keys: one's own, or those of everybody. */
  revokeAdminKeys: endpoint({
    at: 'POST /control/admin-keys/revocations',
    callers: ['desk'],
    roles: administrators,
    limit: byPerson,
    body: z.strictObject({ of: z.enum(['me', 'everybody']) }),
    reply: z.strictObject({ revoked: z.int().nonnegative() }),
  }),
  /** Changes, the newest first. */
  history: endpoint({
    at: 'GET /control/versions',
    callers: ['desk'],
    roles: administrators,
    limit: byPerson,
    query: z.object({
      /** Only those before this version. */
      before: z.coerce.number().int().positive().optional(),
      limit: z.coerce.number().int().min(1).max(200).default(20),
    }),
    reply: z.strictObject({
      /** The newest. */
      version: z.int().nonnegative(),
      versions: z.array(controlVersionSchema),
    }),
  }),
  /** Undoes every change after `version`; that is one change more. */
  rollback: endpoint({
    at: 'POST /control/rollbacks',
    callers: ['desk'],
    roles: administrators,
    limit: byPerson,
    body: z.strictObject({ version: z.int().nonnegative() }),
    reply: z.strictObject({ version: z.int().nonnegative(), changed: z.int().nonnegative() }),
  }),
  /** All entities in Kong's declarative format, as YAML. */
  exportConfig: endpoint({
    at: 'POST /control/exports',
    callers: ['desk'],
    roles: administrators,
    limit: byPerson,
    body: z.strictObject({
      /** `sealed`: readable for this platform alone. `plain`: for a Kong elsewhere. */
      secrets: z.enum(['sealed', 'plain']).default('sealed'),
    }),
    reply: z.strictObject({ version: z.int().nonnegative(), config: z.string() }),
  }),
  /** What a declarative configuration would be if it were loaded, or why it cannot be. Changes nothing. */
  preview: endpoint({
    at: 'POST /control/previews',
    callers: ['desk'],
    roles: administrators,
    limit: byPerson,
    body: declarativeText,
    reply: z.union([
      z.strictObject({
        valid: z.literal(true),
        config: controlConfigurationSchema.shape.config,
        /** Of those that would come, go or become another; secrets are hidden. */
        changes: controlVersionSchema.shape.changes,
      }),
      invalid,
    ]),
    bodyBytesMax: CONFIG_BYTES_MAX + 64 * 1024,
    audited: false,
  }),
  /** Puts a declarative configuration in place of everything, as one change, or says why it cannot be. */
  load: endpoint({
    at: 'POST /control/configurations',
    callers: ['desk'],
    roles: administrators,
    limit: byPerson,
    body: declarativeText,
    reply: z.union([
      z.strictObject({
        valid: z.literal(true),
        version: z.int().nonnegative(),
        /** How many entities have come, gone or become another. */
        changed: z.int().nonnegative(),
      }),
      invalid,
    ]),
    bodyBytesMax: CONFIG_BYTES_MAX + 64 * 1024,
  }),
  /** The newest version, and what each gateway runs with. */
  state: endpoint({
    at: 'GET /control/state',
    callers: ['desk'],
    roles: 'stranger',
    limit,
    reply: z.strictObject({
      version: z.int().nonnegative(),
      gateways: z.array(controlGatewaySchema),
    }),
  }),
})
