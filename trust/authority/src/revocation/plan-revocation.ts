import type { RevocationReason } from '@countersign/contract/platform'
import { AuthorityError } from '../errors.ts'
import { PEER_SKEW_MS } from '../limits.ts'
import { COVERED_MAX, EITHER_MS_MAX, LINEAGE_MS_MAX } from './limits.ts'
import type { FindElsewhere, IssuedRecords, OnRecord, TrustedCa } from './ports.ts'
import { isSame, keyOf, mergeRevocations, type Revocation } from './revocation.ts'
import type { CompromisedKey, RevocationBook } from './revocation-book.ts'
import type { Change, RevokedCertificate } from './revocation-store.ts'

/*
 * What an act of taking back changes, decided from what is known:
 *
 * - of a workload the lineage goes: a stolen key cannot outrun that by renewing
 * - of a server certificate, and of an intermediate, that certificate goes
 * - a name becomes rows of the lineages that are on record here; each authority adds those that it has
 * - certificates that are covered and that we signed come on our lists, and with keyCompromise their keys are remembered
 */
export type Wanted = { readonly serial: string } | { readonly name: string }
export interface Act {
  readonly reason: RevocationReason
  readonly by: string
  readonly at: number
}
export interface Known {
  readonly book: RevocationBook
  readonly issued: IssuedRecords
  readonly intermediates: () => readonly TrustedCa[]
  readonly now: number
}
type Elsewhere = Awaited<ReturnType<FindElsewhere>>
type Found = Pick<OnRecord, 'serial' | 'lineage' | 'name' | 'kind' | 'notAfter'>
export type Covered = Pick<OnRecord, 'serial' | 'lineage' | 'name'>
export interface Plan {
  readonly rows: readonly Revocation[]
  /** What is taken back, for whoever asked. */
  readonly covered: readonly Covered[]
}

/** The rows that `wanted` asks for. Throws `AuthorityError` CERTIFICATE_UNKNOWN, CERTIFICATE_EXPIRED, CA_SIGNS. */
export function planRevocation(
  wanted: Wanted,
  act: Act,
  known: Known & { elsewhere: Elsewhere },
): Plan {
  return 'name' in wanted
    ? planName(wanted.name, act, known)
    : planSerial(wanted.serial, act, known)
}

function planSerial(serial: string, act: Act, known: Known & { elsewhere: Elsewhere }): Plan {
  const record = existing(known.issued.find(serial)) ?? known.elsewhere.found[0]
  if (record !== undefined) {
    const row = rowFor(record, act)
    const others = row.scope === 'lineage' ? lineageHere(known, row.of) : []
    return { rows: [row], covered: distinct([record, ...others]) }
  }
  const ca = known.intermediates().find((each) => each.serial === serial)
  if (ca !== undefined)
    return { rows: [rowForCa(ca, act)], covered: [{ serial, lineage: serial, name: ca.name }] }
  const { silent } = known.elsewhere
  if (silent.length === 0)
    throw new AuthorityError('CERTIFICATE_UNKNOWN', 'no authority has this serial on record')
  // Who has it on record may be away. In doubt it is taken back: a serial that is nobody's harms nobody.
  const row: Revocation = { scope: 'either', of: serial, ...act, until: act.at + EITHER_MS_MAX }
  return { rows: [row], covered: [{ serial, lineage: serial, name: '' }] }
}

function planName(name: string, act: Act, known: Known & { elsewhere: Elsewhere }): Plan {
  const here = known.issued.list({ name, ...living(known) }).filter((each) => existing(each))
  const found: Found[] = [...here, ...known.elsewhere.found].filter(isWorkload)
  if (found.length === 0 && known.elsewhere.silent.length === 0)
    throw new AuthorityError('CERTIFICATE_UNKNOWN', 'nobody of this name has a certificate')
  const rows = new Map(found.map((each) => [each.lineage, rowFor(each, act)]))
  // Of two orders about a name the later counts: this one is later, also where a clock went back.
  const at = Math.max(act.at, (known.book.row(`name ${name}`)?.at ?? 0) + 1)
  const order: Revocation = { scope: 'name', of: name, ...act, at, until: at + LINEAGE_MS_MAX }
  return { rows: [order, ...rows.values()], covered: distinct(found) }
}

/** Throws `AuthorityError` CERTIFICATE_EXPIRED: what has ended needs no taking back. A lineage may go on. */
function rowFor(record: Found, act: Act): Revocation {
  if (isWorkload(record)) {
    const until = Math.max(act.at + LINEAGE_MS_MAX, record.notAfter)
    return { scope: 'lineage', of: record.lineage, ...act, until }
  }
  if (!(record.notAfter > act.at))
    throw new AuthorityError('CERTIFICATE_EXPIRED', 'the certificate has expired')
  return { scope: 'certificate', of: record.serial, ...act, until: record.notAfter }
}

function rowForCa(ca: TrustedCa, act: Act): Revocation {
  if (ca.signs)
    throw new AuthorityError(
      'CA_SIGNS',
      'this intermediate signs at this time; rotate it first, and take it back then',
    )
  return { scope: 'certificate', of: ca.serial, ...act, until: Math.max(ca.notAfter, act.at) }
}

/**
 * What rows change that were decided on, here or at a peer: merged with what is known, spread to what is on record
 * here, and without those that change nothing.
 */
export function spread(rows: readonly Revocation[], known: Known): Change {
  const changed = new Map<string, Revocation>()
  const certificates: RevokedCertificate[] = []
  const keys = new Map<string, CompromisedKey>()
  const queue = [...rows]
  for (let row = queue.shift(); row !== undefined; row = queue.shift()) {
    const before = changed.get(keyOf(row)) ?? known.book.row(keyOf(row))
    const after = before === undefined ? row : mergeRevocations(before, row)
    if (before !== undefined && isSame(before, after)) continue
    changed.set(keyOf(after), after)
    queue.push(...lineagesUnder(after, known))
    certificates.push(...listed(after, known))
    for (const key of keysUnder(after, known)) keys.set(key.hash, key)
  }
  return { rows: [...changed.values()], keys: [...keys.values()], certificates }
}

/** A name, or a serial without a record, leads to lineages wherever they are on record. */
function lineagesUnder({ scope, of, ...act }: Revocation, known: Known): Revocation[] {
  const records =
    scope === 'name' ? ofNameAt(of, act.at, known) : scope === 'either' ? own(of, known) : []
  return records
    .filter(isWorkload)
    .map(({ lineage }) => ({ scope: 'lineage', of: lineage, ...act }))
}

/** Of a name: what had been asked for by then, and had not ended. Clocks of authorities differ a little. */
function ofNameAt(name: string, at: number, { issued }: Known): OnRecord[] {
  return issued
    .list({ name, validAt: at, state: 'any', limit: COVERED_MAX })
    .filter((each) => existing(each) && each.askedAt <= at + PEER_SKEW_MS)
}

/** What a row puts on the lists of the CAs: certificates on record here that it covers and that have not ended. */
export function listed({ scope, of, at, reason }: Revocation, known: Known): RevokedCertificate[] {
  if (scope === 'name') return []
  const alone = scope === 'lineage' ? [] : own(of, known)
  const lineage = scope === 'certificate' ? [] : lineageHere(known, of)
  const cas = scope === 'certificate' ? known.intermediates().filter((ca) => ca.serial === of) : []
  return [...alone, ...lineage, ...cas]
    .filter(({ notAfter }) => notAfter > known.now)
    .map(({ serial, issuer, notAfter }) => ({ serial, issuer, notAfter, at, reason }))
}

/** Keys that strangers may know: of all that was ever certified under a row, ended or not. */
function keysUnder(
  { scope, of, at, reason }: Revocation,
  { issued, book }: Known,
): CompromisedKey[] {
  if (reason !== 'keyCompromise' || scope === 'name') return []
  const one = issued.find(of)
  const lineage = issued.list({ lineage: of, state: 'any', limit: COVERED_MAX })
  return [...(one === undefined ? [] : [one]), ...(scope === 'certificate' ? [] : lineage)]
    .filter(({ keyHash }) => !book.isCompromised(keyHash))
    .map(({ keyHash }) => ({ hash: keyHash, at }))
}

function own(serial: string, { issued }: Known): OnRecord[] {
  const record = existing(issued.find(serial))
  return record === undefined ? [] : [record]
}

function lineageHere(known: Known, lineage: string): OnRecord[] {
  return known.issued.list({ lineage, ...living(known) }).filter((each) => existing(each))
}

function living({ now }: Known) {
  return { validAt: now, state: 'any', limit: COVERED_MAX } as const
}

function existing<T extends OnRecord>(record: T | undefined): T | undefined {
  return record?.state === 'issued' || record?.state === 'intent' ? record : undefined
}

function isWorkload({ kind }: Pick<OnRecord, 'kind'>): boolean {
  return kind === 'join' || kind === 'renew' || kind === 'self'
}

function distinct(found: readonly Covered[]): Covered[] {
  const entries = found.map(
    ({ serial, lineage, name }) => [serial, { serial, lineage, name }] as const,
  )
  return [...new Map(entries).values()]
}
