import { FINDINGS_MAX } from '../../trust/limits.ts'
import { awayEnd, nobodyUp, outsideEnds, workloadsEnd } from './others-end.ts'
import type { Finding, Present } from './present.ts'
import { rootsEnd } from './roots-end.ts'
import { signingEnds } from './signing-ends.ts'

/*
 * What happens by itself is counted on: workloads renew while somebody signs, intermediates and roots are rotated where the
 * schedule may do so and has the keys. What is left is what breaks:
 *
 * - an authority signs no more when its intermediate leaves less than half of a leaf's life
 * - when the last of them stops, nobody joins and nobody renews; when its intermediate ends, all certificates have
 * - a root ends, and every chain below it
 * - whoever does not renew in time although he could, will not
 * - certificates and lists for clients outside are not ours to renew
 */

/** What breaks until `at`, in order of time. */
export function forecast(present: Present): Finding[] {
  const findings = [
    ...signingEnds(present),
    ...rootsEnd(present),
    ...awayEnd(present),
    ...workloadsEnd(present),
    ...outsideEnds(present),
    ...(present.up.length === 0 ? nobodyUp(present) : []),
  ]
  return findings
    .filter(({ at }) => at <= present.at)
    .map((finding) => ({ ...finding, at: Math.max(finding.at, present.now) }))
    .toSorted((a, b) => a.at - b.at || (a.who < b.who ? -1 : a.who > b.who ? 1 : 0))
    .slice(0, FINDINGS_MAX)
}
