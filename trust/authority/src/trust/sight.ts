import { workloadName } from '@countersign/contract'
import type { Blocker } from '@countersign/contract/platform'
import { messageOf } from '@countersign/ground/errors'
import { type Fact, factsOf, type Registered, type Report } from '../evidence/domain/fact.ts'
import { type OnRecord, possiblyInUse } from '../evidence/domain/record.ts'
import { GATE_RECORDS_MAX, UNCLAIMED_AFTER_MS } from './limits.ts'
import { gateRecords, gateUnused } from './domain/gates.ts'
import type { RotationParts } from './rotation-parts.ts'

/** Who lives, and what keeps us from knowing. */
export interface Seen {
  readonly facts: readonly Fact[]
  readonly blockers: readonly Blocker[]
}

/** Looks at all workloads. Where the registry is away nobody knows who lives, and that is a blocker. */
export async function lookAround(parts: RotationParts): Promise<Seen> {
  let registered: readonly Registered[] = []
  const blockers: Blocker[] = []
  try {
    registered = await parts.liveness.instances()
  } catch (error) {
    const why = `the registry does not answer: nobody knows who lives (${messageOf(error)})`
    blockers.push({ who: 'registry', why: why.slice(0, 512) })
  }
  const up = new Set(upOf(parts))
  const facts = factsOf(reportsOf(parts), registered, parts.now())
  // An authority that is away takes over what was decided before it opens its doors again. One that the registry reaches
  // and we do not goes on signing, and knows nothing.
  const counts = ({ name, instance, registered: listed }: Fact): boolean =>
    name !== 'authority' || up.has(instance) || (listed !== undefined && listed.passing !== false)
  return { facts: facts.filter(counts), blockers }
}

/** What is reported by those whom anybody still believes. */
function reportsOf({ evidence, revoked }: RotationParts): Report[] {
  return evidence
    .reports()
    .filter(({ lineage }) => lineage === undefined || !revoked.has({ serial: lineage, lineage }))
}

/** This authority and those that are up. */
export function upOf({ trust, peers }: Pick<RotationParts, 'trust' | 'peers'>): string[] {
  return [trust.instance, ...peers.up().map(({ instance }) => instance)]
}

/** What stands in the way of letting CAs go, as far as workloads show it. */
export async function unusedBlockers(
  parts: RotationParts,
  leaving: ReadonlySet<string>,
): Promise<Blocker[]> {
  const { facts, blockers } = await lookAround(parts)
  const unused = gateUnused(parts.trust.state(), leaving, { facts, now: parts.now() })
  return [...blockers, ...unused]
}

/** Certificates on record here that may be in use under CAs that are to go. */
export function recordBlockers(parts: RotationParts, leaving: ReadonlySet<string>): Blocker[] {
  const { records, revoked, trust } = parts
  const now = parts.now()
  const found: OnRecord[] = []
  for (const issuer of leaving)
    found.push(...records.list({ issuer, validAt: now, limit: GATE_RECORDS_MAX }))
  const blockers = gateRecords(
    possiblyInUse(found, {
      ...{ reports: reportsOf(parts), now, deliveredMs: UNCLAIMED_AFTER_MS },
      siblings: (lineage) => records.list({ lineage, validAt: now, limit: GATE_RECORDS_MAX }),
      nameOf: (id) => workloadName(trust.options.trustDomain, id),
      isRevoked: (record) => revoked.has(record),
    }),
  )
  if (found.length < GATE_RECORDS_MAX) return blockers
  const why = `more than ${GATE_RECORDS_MAX} certificates under it have not ended; not all of them could be looked at`
  return [...blockers, { who: trust.instance, why }]
}
