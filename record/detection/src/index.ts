/** What looks wrong in the stream of audit events. */
import { refusalBurst } from './rules/doors/refusal-burst.ts'
import { unrequestedCertificate } from './rules/authority/unrequested-certificate.ts'
import { failedLogins } from './rules/identity/failed-logins.ts'
import { newEdge } from './rules/mesh/new-edge.ts'
import type { Rule } from './rule.ts'

export { createDetection, type Detection } from './detection.ts'
export { LEARNING_MS } from './limits.ts'
export type { Finding, Rule, Watcher } from './rule.ts'

/** All rules. `learningMs`: how long every edge of the mesh is taken as normal. */
export const allRules = (options: { readonly learningMs?: number } = {}): readonly Rule[] => [
  failedLogins,
  refusalBurst,
  newEdge(options.learningMs),
  unrequestedCertificate,
]
