import { z } from 'zod'

/*
 * How commands speak to the supervisor: one connection to a unix socket that only its user can reach, one JSON line
 * with a request, one JSON line with the answer.
 */
export const SERVICE_NAME: RegExp = /^[a-z][a-z0-9-]{0,62}$/
export const controlRequestSchema = z.discriminatedUnion('op', [
  z.strictObject({ op: z.literal('status') }),
  z.strictObject({ op: z.literal('stop') }),
  /** One process of the platform, and not the others. */
  z.strictObject({ op: z.literal('stop-part'), instance: z.string() }),
  z.strictObject({ op: z.literal('start-part'), instance: z.string() }),
  z.strictObject({ op: z.literal('restart-part'), instance: z.string() }),
  /** All that a service of a user needs to join, with a one-time token for its name. */
  z.strictObject({
    op: z.literal('join'),
    name: z.string().regex(SERVICE_NAME, 'the name is not lower-case letters, digits and "-"'),
    /** Which of several processes of that name. */
    number: z.int().min(1).max(99),
  }),
])
export type ControlRequest = z.infer<typeof controlRequestSchema>

const answerSchema = z.union([
  z.strictObject({ ok: z.literal(true), value: z.unknown() }),
  z.strictObject({ ok: z.literal(false), message: z.string() }),
])
export type ControlAnswer = z.infer<typeof answerSchema>

export function parseAnswer(line: string): ControlAnswer {
  return answerSchema.parse(JSON.parse(line))
}

const text = z.string()
export const statusSchema = z.object({
  pid: z.int(),
  since: text,
  ready: z.boolean(),
  mode: z.enum(['processes', 'one-process']),
  home: text,
  publicUrl: text,
  trustDomain: text,
  /** Where each authority shows itself to people, and to clients that are no workloads. */
  authorityPages: z.array(text),
  processes: z.array(
    z.object({
      name: text,
      service: text,
      pid: z.int().nullable(),
      spiffeId: text,
      port: z.int(),
      health: z.enum([
        'ready',
        'not ready',
        'starting',
        'restarting',
        'stopping',
        'stopped',
        'failed',
      ]),
      /** What it waits for, where it is not ready and says so. */
      waitsFor: text.nullable(),
      certificate: z.object({ notAfter: text, serial: text, renewals: z.int() }).nullable(),
      /** Whether the last word of an authority is old, and until when it counts. */
      trust: z.object({ sequence: z.int(), stale: z.boolean(), nextUpdate: text }).nullable(),
      engine: text.nullable(),
      restarts: z.int(),
    }),
  ),
  engines: z.array(
    z.object({
      name: text,
      inUse: text,
      why: text,
      version: text.nullable(),
      pid: z.int().nullable(),
      health: z.enum(['up', 'restarting', 'external', 'off']),
    }),
  ),
  timeline: z.array(z.object({ at: text, ms: z.number() })),
})
export type PlatformStatus = z.infer<typeof statusSchema>

/** Everything runs and says itself that it is ready. */
export function isWell(now: PlatformStatus): boolean {
  return (
    now.ready &&
    now.processes.every((each) => each.health === 'ready') &&
    now.engines.every((each) => each.health !== 'restarting')
  )
}

/** Environment of a service of a user. */
export const joinEnvSchema = z.record(text, text)
