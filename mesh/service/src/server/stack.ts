import type { Step } from './exchange.ts'

export interface Steps {
  readonly refuseWhileDraining: Step
  readonly authenticatePeer: Step
  readonly authenticatePerson: Step
  readonly takeLimit: Step
  readonly authorise: Step
  readonly recordIntent: Step
}

/**
 * A request meets these from top to bottom, after its head was parsed and before its body is read.
 * Around them lie `recordOutcome` and `renderProblem` (answer.ts): a refusal is a record too.
 */
export const stack = (steps: Steps): readonly Step[] => [
  steps.refuseWhileDraining, // cheapest first
  steps.authenticatePeer, // which workload: its certificate, already verified by TLS
  steps.authenticatePerson, // for whom: the access token that it passes on
  steps.takeLimit, // after who, so one caller cannot spend another's share
  steps.authorise, // may they: from here on the request carries a Permit
  steps.recordIntent, // needs the Permit, comes before every effect
]
