import { z } from 'zod'

/*
 * What authorities say of trust, and workloads of themselves.
 *
 * A key id is the subjectKeyIdentifier of a CA in lower case hex; a certificate names that of its issuer in its
 * authorityKeyIdentifier. A serial is lower case hex without leading zeros. A lineage is the serial of the certificate
 * that a workload joined with: each renewal inherits it, so a stolen key cannot outrun its revocation by renewing.
 */
export const keyIdSchema = z.string().regex(/^[0-9a-f]{40}$/)
export const serialSchema = z.string().regex(/^[1-9a-f][0-9a-f]{0,39}$/)
const instanceSchema = z.string().regex(/^[a-z][a-z0-9-]{0,79}$/)
const ms = z.int().nonnegative()

/** What an instance of a workload trusts and shows, in its own words; its name is the one that it has proven. */
export const trustReportSchema = z.strictObject({
  instance: instanceSchema,
  /** The sequence of the bundle that it trusts. */
  sequence: z.int().nonnegative(),
  /** Every certificate that it shows to anyone: its own first, then such as that of the public door. */
  certificates: z
    .array(z.strictObject({ serial: serialSchema, issuer: keyIdSchema, notAfter: ms }))
    .min(1)
    .max(8),
  /** It stops, and shows none of them any more. */
  leaving: z.boolean().optional(),
})
export type TrustReport = z.infer<typeof trustReportSchema>

/** One certificate, or all of a lineage, taken back. Kept until the last certificate that it covers has expired. */
export const revocationSchema = z.union([
  z.strictObject({ serial: serialSchema, until: ms }),
  z.strictObject({ lineage: serialSchema, until: ms }),
])
export type RevocationWord = z.infer<typeof revocationSchema>

/** What a workload has to believe at this time. Each word is the whole state. */
export const trustSchema = z.strictObject({
  /** Changes with everything below but `nextUpdate`; the same at every authority for the same state. */
  revision: z.string().min(1).max(64),
  /** Goes up with every change of `bundle`. A workload never goes back to a lower one. */
  sequence: z.int().nonnegative(),
  /** PEM of every root to trust. */
  bundle: z.string().max(262_144),
  /** Key ids of the intermediates that sign at this time; whoever shows a certificate of another renews it soon. */
  issuers: z.array(keyIdSchema).max(256),
  revoked: z.array(revocationSchema).max(100_000),
  /** Until when this word counts; later no door believes any certificate. Milliseconds since 1970. */
  nextUpdate: ms,
  /** Certificates of the caller's own name that no instance has reported as its own: somebody else may hold them. */
  unclaimed: z
    .array(z.strictObject({ serial: serialSchema, lineage: serialSchema, issuedAt: ms }))
    .max(64),
})
export type TrustWord = z.infer<typeof trustSchema>

/* The state of trust as the authorities keep it among them. */

/** `next`: known, signs nothing yet. `active`: signs. `old`: still trusted, signs no more. What is retired is gone. */
const caState = z.enum(['next', 'active', 'old'])
export const rootEntrySchema = z.strictObject({
  id: keyIdSchema,
  certificate: z.string().max(16_384),
  state: caState,
  since: ms,
  /** Since which sequence it is in: every bundle of this sequence or a later one has it. */
  sequence: ms.optional(),
  /** This root's key signed by the root before it, for clients outside that know only that one. PEM. */
  cross: z.string().max(16_384).optional(),
})
export const intermediateEntrySchema = z.strictObject({
  id: keyIdSchema,
  /** The root above it. */
  root: keyIdSchema,
  certificate: z.string().max(16_384),
  state: caState,
  since: ms,
})
export const trustStateSchema = z.strictObject({
  /** The higher version wins; of two with the same, the one with the greater hash. `version` is the bundle's sequence. */
  roots: z.strictObject({ version: ms, entries: z.array(rootEntrySchema).min(1).max(8) }),
  /** By instance of authority. Each instance alone writes its own section. */
  authorities: z.record(
    instanceSchema,
    z.strictObject({ version: ms, entries: z.array(intermediateEntrySchema).max(8) }),
  ),
})
export type CaState = z.infer<typeof caState>
export type RootEntry = z.infer<typeof rootEntrySchema>
export type IntermediateEntry = z.infer<typeof intermediateEntrySchema>
export type TrustState = z.infer<typeof trustStateSchema>

/** Why a step of a rotation may not be taken yet. */
export const blockerSchema = z.strictObject({
  /** As in `order-1`; for a certificate outside of the mesh its host names. */
  who: z.string().max(256),
  why: z.string().max(512),
  /** The certificate that is in the way, where one is. */
  serial: serialSchema.optional(),
  /** When it stops to be in the way by itself: its certificate has expired then. */
  until: ms.optional(),
})
export type Blocker = z.infer<typeof blockerSchema>

export const rotationKindSchema = z.enum(['root', 'intermediate'])
export const rotationStepSchema = z.enum(['prepare', 'activate', 'retire', 'rollback'])
export type RotationKind = z.infer<typeof rotationKindSchema>
export type RotationStep = z.infer<typeof rotationStepSchema>

/** One authority, as it sees itself and as the one that was asked sees it. */
export const authorityViewSchema = z.strictObject({
  instance: instanceSchema,
  up: z.boolean(),
  /** When it was last heard of. */
  seenAt: ms.optional(),
  sequence: z.int().nonnegative().optional(),
  revision: z.string().max(64).optional(),
  intermediates: z.array(
    z.strictObject({ id: keyIdSchema, root: keyIdSchema, state: caState, notAfter: ms }),
  ),
})
export const quorumSchema = z.strictObject({
  /** Who answers. */
  instance: instanceSchema,
  sequence: z.int().nonnegative(),
  revision: z.string().max(64),
  roots: z.array(
    z.strictObject({ id: keyIdSchema, state: caState, notAfter: ms, keyIsHere: z.boolean() }),
  ),
  authorities: z.array(authorityViewSchema),
  revocations: z.int().nonnegative(),
})
export type Quorum = z.infer<typeof quorumSchema>

/** What stops to work by itself at some time, unless somebody does what prevents it. */
export const forecastSchema = z.strictObject({
  /** From now until when was looked. */
  now: ms,
  at: ms,
  findings: z
    .array(
      z.strictObject({
        at: ms,
        /** As in `authority-1`, `order-1`, `root 0123abcd`; for a certificate outside of the mesh its host names. */
        who: z.string().max(256),
        /** `breaks`: somebody is cut off. `warns`: the last good time to act, or one of several is lost. */
        severity: z.enum(['breaks', 'warns']),
        what: z.string().max(512),
        /** What prevents it: a command where there is one. */
        prevent: z.string().max(512),
      }),
    )
    .max(1_024),
})
export type Forecast = z.infer<typeof forecastSchema>

export const certificateKindSchema = z.enum(['join', 'renew', 'self', 'public-door', 'acme'])
/** A certificate on record. */
export const certificateViewSchema = z.strictObject({
  serial: serialSchema,
  lineage: serialSchema,
  /** SPIFFE id, or host names divided by commas. */
  name: z.string().max(8_192),
  kind: certificateKindSchema,
  /** Which authority has it on record. */
  authority: instanceSchema,
  issuer: keyIdSchema,
  notBefore: ms,
  notAfter: ms,
  /** The instance that says it shows this one. */
  usedBy: instanceSchema.optional(),
  revokedAt: ms.optional(),
})
export type CertificateView = z.infer<typeof certificateViewSchema>

/** Reasons of RFC 5280, 5.3.1, that make sense here. */
export const revocationReasonSchema = z.enum([
  'unspecified',
  'keyCompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'privilegeWithdrawn',
])
export type RevocationReason = z.infer<typeof revocationReasonSchema>
