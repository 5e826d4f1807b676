import type { TrustReport } from '@countersign/contract/platform'

/** A certificate that an instance says it shows. */
export type Shown = TrustReport['certificates'][number]

/** What one instance of a workload has said of itself, and when it was heard, by the clock of this authority. */
export interface Report extends TrustReport {
  /** The name that it has proven. */
  readonly name: string
  readonly at: number
  /** Of the certificate by which it has proven its name; inherited by all that were renewed from it. */
  readonly lineage?: string | undefined
}
/** An instance that the registry lists. */
export interface Registered {
  readonly name: string
  readonly instance: string
  /** Its health checks pass. Where this is not known it counts as if they did. */
  readonly passing?: boolean | undefined
}
/** All that is known of one instance that lives, as far as anybody knows. */
export interface Fact {
  readonly name: string
  readonly instance: string
  /** For people: `order-1`. */
  readonly who: string
  readonly report: Report | undefined
  readonly registered: Registered | undefined
}

/*
 * An instance lives:
 *
 * - while it is registered, in whatever state; one that is critical and whose last certificate has expired can neither be
 *   called nor call, and does not count
 * - while a certificate that it has reported has not expired, unless it has said that it leaves
 */

/** Who lives, from what the registry lists and what was reported. Sorted. */
export function factsOf(
  reports: Iterable<Report>,
  registered: readonly Registered[],
  now: number,
): Fact[] {
  const facts = new Map<string, Fact>()
  for (const each of registered) {
    const { name, instance } = each
    facts.set(keyOf(each), {
      ...{ name, instance, who: whoOf(each), registered: each, report: undefined },
    })
  }
  for (const report of reports) {
    const known = facts.get(keyOf(report))
    if (known !== undefined) facts.set(keyOf(report), { ...known, report: staying(report) })
    else if (report.leaving !== true && isValid(report, now)) {
      const { name, instance } = report
      facts.set(keyOf(report), {
        name,
        instance,
        who: whoOf(report),
        report,
        registered: undefined,
      })
    }
  }
  return [...facts.values()]
    .filter((fact) => !isOver(fact, now))
    .toSorted((a, b) => (a.who < b.who ? -1 : a.who > b.who ? 1 : 0))
}

export function keyOf({ name, instance }: { name: string; instance: string }): string {
  return `${name}\0${instance}`
}

/** Instances are mostly called after their workload; where not, both are said. */
export function whoOf({ name, instance }: { name: string; instance: string }): string {
  return instance.startsWith(`${name}-`) || instance === name ? instance : `${name} ${instance}`
}

/** Whether one of the certificates has not expired. */
export function isValid({ certificates }: Report, now: number): boolean {
  return certificates.some(({ notAfter }) => now < notAfter)
}

/** Whoever left and is registered again has come back, and has not said anything yet. */
function staying(report: Report): Report | undefined {
  return report.leaving === true ? undefined : report
}

function isOver({ registered, report }: Fact, now: number): boolean {
  return registered?.passing === false && report !== undefined && !isValid(report, now)
}
