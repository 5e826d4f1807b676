import {
  type RevocationReason,
  type RevocationWord,
  revocationReasonSchema,
  serialSchema,
} from '@countersign/contract/platform'
import { z } from 'zod'
import { SPAN_MS_MAX } from './limits.ts'

/*
 * What was taken back, in one row. Rows only come and, long after everything that they cover has ended, go: there is no
 * way to give a certificate back its trust.
 *
 *   lineage      every certificate of a workload that descends from one join
 *   certificate  that one only: server certificates, intermediates
 *   either       a serial that nobody who answered has on record: the certificate, and the lineage that it may have begun
 *   name         every lineage of a workload that had begun by then; each authority makes it into rows of lineages
 */
export const revocationScopes = ['lineage', 'certificate', 'either', 'name'] as const
export type RevocationScope = (typeof revocationScopes)[number]

export interface Revocation {
  readonly scope: RevocationScope
  /** A serial; a SPIFFE id where the scope is a name. */
  readonly of: string
  /** When it was taken back. Milliseconds since 1970, as all times here. */
  readonly at: number
  /** When the last certificate that it covers has ended. */
  readonly until: number
  readonly reason: RevocationReason
  /** Who took it back. */
  readonly by: string
}

const time = z.int().nonnegative()
const common = { at: time, until: time, reason: revocationReasonSchema, by: z.string().max(256) }
/** A row as a peer tells it. */
export const revocationRow = z
  .union([
    z.strictObject({
      scope: z.enum(['lineage', 'certificate', 'either']),
      of: serialSchema,
      ...common,
    }),
    z.strictObject({
      scope: z.literal('name'),
      of: z.string().max(2_048).startsWith('spiffe://'),
      ...common,
    }),
  ])
  .refine(({ at, until }) => until >= at && until - at <= SPAN_MS_MAX, 'lasts too long')

export function keyOf({ scope, of }: Pick<Revocation, 'scope' | 'of'>): string {
  return `${scope} ${of}`
}

/**
 * Two rows about the same become one, the same at every authority in whatever order they were heard: the earlier word
 * counts, for the longer time, and keyCompromise is never taken back to less. Of a name the later word counts: it
 * covers more.
 */
export function mergeRevocations(a: Revocation, b: Revocation): Revocation {
  const until = Math.max(a.until, b.until)
  const aFirst = compare(a, b) <= 0
  if (a.scope === 'name') return { ...(aFirst ? b : a), until }
  const compromised = a.reason === 'keyCompromise' || b.reason === 'keyCompromise'
  const first = aFirst ? a : b
  return { ...first, until, reason: compromised ? 'keyCompromise' : first.reason }
}

function compare(a: Revocation, b: Revocation): number {
  if (a.at !== b.at) return a.at - b.at
  const [left, right] = [`${a.reason} ${a.by}`, `${b.reason} ${b.by}`]
  return left < right ? -1 : Number(left > right)
}

export function isSame(a: Revocation, b: Revocation): boolean {
  return a.at === b.at && a.until === b.until && a.reason === b.reason && a.by === b.by
}

/** What workloads are told of a row. */
export function wordsOf({ scope, of, until }: Revocation): RevocationWord[] {
  if (scope === 'lineage') return [{ lineage: of, until }]
  if (scope === 'certificate') return [{ serial: of, until }]
  if (scope === 'either')
    return [
      { serial: of, until },
      { lineage: of, until },
    ]
  return []
}

/** What a row counts for its bound. */
export function weightOf({ scope }: Pick<Revocation, 'scope'>): number {
  return scope === 'either' ? 2 : 1
}
