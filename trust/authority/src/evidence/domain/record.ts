import { keyOf, type Report } from './fact.ts'

/** A certificate on record at this authority, as far as a gate looks at it. Times in milliseconds since 1970. */
export interface OnRecord {
  readonly serial: string
  readonly lineage: string
  readonly issuer: string
  /** SPIFFE id, or host names divided by commas. */
  readonly name: string
  readonly kind: 'join' | 'renew' | 'self' | 'public-door' | 'acme'
  readonly askedAt: number
  readonly notAfter: number
  /** The instance that has reported it. */
  readonly claimedBy?: string | undefined
}

/*
 * Nobody lives in a certificate on record any more when
 *
 * - it has expired, or was taken back
 * - the instance that had reported it reports others now, or has said that it leaves
 * - nobody has reported it, but its holder has moved on: somebody has reported a later one of the same lineage, or goes on
 *   reporting under that lineage long after it was asked for
 *
 * One that is reported at this time is in its holder's report, and is not looked at here. All others may be in use: those
 * for clients outside, those that nobody has reported, and those of an instance that has not reported since this
 * authority started.
 */
export interface Sight {
  readonly reports: readonly Report[]
  /** All records of a lineage. */
  readonly siblings: (lineage: string) => readonly OnRecord[]
  /** Short name of a workload by its SPIFFE id. */
  readonly nameOf: (id: string) => string | undefined
  readonly isRevoked: (record: OnRecord) => boolean
  readonly now: number
  /** A certificate that was asked for longer ago has reached whoever asked, or never will. */
  readonly deliveredMs: number
}

/** Which of the records may be in use without anybody saying so. */
export function possiblyInUse(records: readonly OnRecord[], sight: Sight): OnRecord[] {
  const shown = new Set<string>()
  const shownAs = new Set<string>()
  const heard = new Set<string>()
  const instances = new Set<string>()
  const heardAt = new Map<string, number>()
  for (const report of sight.reports) {
    heard.add(keyOf(report))
    instances.add(report.instance)
    for (const { serial } of report.certificates) {
      shown.add(serial)
      shownAs.add(`${report.name} ${serial}`)
    }
    const { lineage, at } = report
    if (lineage !== undefined) heardAt.set(lineage, Math.max(at, heardAt.get(lineage) ?? 0))
  }
  // Nobody can speak for what was made for another name.
  const isShown = ({ serial, name }: OnRecord): boolean => {
    const short = sight.nameOf(name)
    return short === undefined ? shown.has(serial) : shownAs.has(`${short} ${serial}`)
  }
  const hasMovedOn = ({ lineage, askedAt }: OnRecord): boolean =>
    (heardAt.get(lineage) ?? 0) > askedAt + sight.deliveredMs ||
    sight
      .siblings(lineage)
      .some((each) => each.askedAt > askedAt && (each.claimedBy !== undefined || isShown(each)))
  return records.filter((record) => {
    const { kind, claimedBy } = record
    if (!(sight.now < record.notAfter) || sight.isRevoked(record)) return false
    if (kind === 'acme') return true
    if (isShown(record)) return false
    if (claimedBy === undefined) return !hasMovedOn(record)
    // A door's certificate is for host names: of its holder only the instance is known.
    if (kind === 'public-door') return !instances.has(claimedBy)
    const name = sight.nameOf(record.name)
    return name === undefined || !heard.has(keyOf({ name, instance: claimedBy }))
  })
}
