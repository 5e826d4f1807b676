import { z } from 'zod'
import { contract, endpoint } from '../endpoint.ts'
import {
  blockerSchema,
  certificateKindSchema,
  certificateViewSchema,
  forecastSchema,
  quorumSchema,
  revocationReasonSchema,
  rotationKindSchema,
  rotationStepSchema,
  serialSchema,
  trustReportSchema,
  trustSchema,
} from './trust.ts'

const csr = z.string().max(8_192).describe('PKCS#10 request, PEM')
const name = z.string().regex(/^[a-z][a-z0-9-]{0,62}$/)

/** A certificate with its chain, and the roots that everybody trusts at this time. */
export const issuedSchema = z.strictObject({
  /** PEM, leaf first, without the root. */
  chain: z.string().max(65_536),
  /** PEM of every root to trust. */
  bundle: z.string().max(262_144),
  /** Of the bundle; see `trustSchema`. */
  sequence: z.int().nonnegative(),
})
export type Issued = z.infer<typeof issuedSchema>

/** Body of `POST /v1/join` at the authority's join door: the one place where a caller has no certificate yet. */
export const joinSchema = z.union([
  z.strictObject({ token: z.string().min(1).max(256), csr }),
  /** A Kubernetes service-account token for the authority's audience; good for one join. */
  z.strictObject({ serviceAccountToken: z.string().min(1).max(4_096), csr }),
])
export type Join = z.infer<typeof joinSchema>

export const authority = contract('authority', {
  renew: endpoint({
    at: 'POST /v1/renew',
    summary: 'A new certificate for the name that the caller has proven by the old one',
    callers: ['workloads'],
    roles: 'stranger',
    limit: '600/minute per caller',
    body: z.strictObject({ csr }),
    reply: issuedSchema,
    idempotent: true,
  }),
  publicDoor: endpoint({
    at: 'POST /v1/public-door',
    summary:
      'A server certificate for the host names of the public door; the request is for the own SPIFFE id',
    callers: ['gateway'],
    roles: 'stranger',
    limit: '60/minute per caller',
    body: z.strictObject({ csr }),
    reply: issuedSchema,
    idempotent: true,
  }),
  bundle: endpoint({
    at: 'GET /v1/bundle',
    callers: ['workloads'],
    roles: 'stranger',
    limit: '600/minute per caller',
    reply: z.strictObject({ bundle: z.string(), sequence: z.int().nonnegative() }),
  }),
  /**
   * What to believe at this time. With `revision` it waits until there is another one, for `waitSeconds` at most, and
   * answers in either case. The report counts as the caller's evidence when a rotation asks for it.
   */
  follow: endpoint({
    at: 'POST /v1/trust',
    summary: 'Roots, signing intermediates and revocations; waits for a change',
    callers: ['workloads'],
    roles: 'stranger',
    limit: '6000/minute per caller',
    body: z.strictObject({
      report: trustReportSchema,
      revision: z.string().max(64).optional(),
      waitSeconds: z.int().min(0).max(30).optional(),
    }),
    reply: trustSchema,
    timeoutMs: 45_000,
    audited: false,
    idempotent: true,
  }),
  /** Who of the authorities is up, with which intermediates, until when. */
  quorum: endpoint({
    at: 'GET /v1/quorum',
    callers: ['desk', 'authority'],
    roles: 'stranger',
    limit: '600/minute per caller',
    reply: quorumSchema,
  }),
  /** One step of a rotation, or what stands in its way. Refused steps answer 200 with `taken: false` and say why. */
  rotate: endpoint({
    at: 'POST /v1/rotations',
    callers: ['desk', 'authority'],
    roles: 'stranger',
    limit: '600/minute per caller',
    body: z.strictObject({
      kind: rotationKindSchema,
      step: rotationStepSchema,
      /** Says what would happen, and does nothing. */
      dryRun: z.boolean().optional(),
      /** Blockers that the operator takes upon himself, by `who`. On record with the step. */
      without: z.array(z.string().max(256)).max(64).optional(),
      /** Among authorities: only what is the called one's own, its intermediates and its records. */
      own: z.boolean().optional(),
    }),
    reply: z.strictObject({
      taken: z.boolean(),
      /** Nothing to do: the step has been taken before, or there is no rotation. */
      done: z.boolean(),
      blockers: z.array(blockerSchema).max(1_024),
      sequence: z.int().nonnegative(),
    }),
    timeoutMs: 60_000,
  }),
  /** What breaks until `at` if nobody does anything, in order of time, and what prevents it. */
  forecast: endpoint({
    at: 'GET /v1/forecast',
    callers: ['desk'],
    roles: 'stranger',
    limit: '600/minute per caller',
    query: z.object({ at: z.coerce.number().int().nonnegative().optional() }),
    reply: forecastSchema,
  }),
  /** Certificates on record at the authority that is asked, those that end last first. */
  certificates: endpoint({
    at: 'GET /v1/certificates',
    callers: ['desk', 'authority'],
    roles: 'stranger',
    limit: '600/minute per caller',
    query: z.object({
      serial: serialSchema.optional(),
      lineage: serialSchema.optional(),
      name: z.string().max(256).optional(),
      kind: certificateKindSchema.optional(),
      /** `valid`: neither expired nor revoked. */
      state: z.enum(['valid', 'all']).optional(),
      limit: z.coerce.number().int().min(1).max(1_000).optional(),
    }),
    reply: z.strictObject({ certificates: z.array(certificateViewSchema).max(1_000) }),
  }),
  /** Takes certificates back, everywhere, for good. */
  revoke: endpoint({
    at: 'POST /v1/revocations',
    callers: ['desk'],
    roles: 'stranger',
    limit: '6000/minute per caller',
    body: z.strictObject({
      /** One certificate and all that were renewed from it or before it: its lineage. Or all of a workload's name. */
      of: z.union([
        z.strictObject({ serial: serialSchema }),
        z.strictObject({ name: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/) }),
      ]),
      reason: revocationReasonSchema.optional(),
    }),
    reply: z.strictObject({
      revoked: z.array(z.strictObject({ serial: serialSchema, name: z.string() })).max(10_000),
    }),
    status: 201,
  }),
  /** Authorities tell each other all they know, topic by topic; each topic checks and merges its own. */
  sync: endpoint({
    at: 'POST /v1/sync',
    callers: ['authority'],
    roles: 'stranger',
    limit: '60000/minute per caller',
    body: z.strictObject({
      instance: z.string().max(80),
      topics: z.record(z.string().max(32), z.unknown()),
    }),
    reply: z.strictObject({
      instance: z.string().max(80),
      topics: z.record(z.string().max(32), z.unknown()),
    }),
    bodyBytesMax: 16 * 1024 * 1024,
    audited: false,
    idempotent: true,
  }),
  /** A key for external account binding (RFC 8555, 7.3.4), for one ACME account. `names`: what it may ask for. */
  createAcmeKey: endpoint({
    at: 'POST /v1/acme-keys',
    callers: ['desk'],
    roles: 'stranger',
    limit: '600/minute per caller',
    body: z.strictObject({
      label: z.string().min(1).max(64),
      names: z.array(z.string().max(253)).max(64).optional(),
      ttlSeconds: z.int().min(60).max(31_536_000).optional(),
    }),
    reply: z.strictObject({
      keyId: z.string(),
      /** base64url. Seen here once. */
      macKey: z.string(),
      directories: z.array(z.url()).describe('the directory of each authority'),
      expiresAt: z.iso.datetime(),
    }),
    status: 201,
  }),
  mintToken: endpoint({
    at: 'POST /v1/join-tokens',
    summary: 'A one-time token with which a workload of this name may join',
    callers: ['desk'],
    roles: 'stranger',
    limit: '600/minute per caller',
    body: z.strictObject({ name, ttlSeconds: z.int().min(1).max(86_400) }),
    reply: z.strictObject({ token: z.string(), expiresAt: z.iso.datetime() }),
    status: 201,
  }),
  /** Authorities tell each other of tokens: `minted` makes one usable everywhere, `spent` ends it everywhere. */
  shareToken: endpoint({
    at: 'PUT /v1/join-tokens/:hash',
    callers: ['authority'],
    roles: 'stranger',
    limit: '6000/minute per caller',
    body: z.strictObject({ name, expiresAt: z.iso.datetime(), spent: z.boolean() }),
    reply: z.strictObject({ spent: z.boolean().describe('whether it was spent before this call') }),
  }),
})
