import { type TrustState, trustStateSchema } from '@countersign/contract/platform'
import { z } from 'zod'
import { AuthorityError } from '../errors.ts'
import type { SyncTopic } from '../peers/topic.ts'
import { TrustChecker } from './check-trust.ts'
import { grow, type Trail } from './domain/branches.ts'
import { PEERS_MAX } from './limits.ts'
import type { Trust } from './trust.ts'
import { trailSchema } from './trust-store.ts'

const saidSchema = z.object({
  state: trustStateSchema,
  trail: trailSchema,
  revision: z.string().max(64),
})

/** What another authority said last. */
interface PeerWord {
  readonly sequence: number
  readonly revision: string
}
export interface TrustTopic extends SyncTopic {
  /** What this authority said of itself last. */
  wordOf(instance: string): PeerWord | undefined
  /** Checks a state from elsewhere, and takes it in. Throws `AuthorityError` TRUST_REFUSED. */
  take(state: TrustState, trail?: Trail): Promise<void>
}

/** What authorities tell each other of trust: the state, the trail of the roots, and what follows from it for workloads. */
export function createTrustTopic(
  trust: Trust,
  trustDomain: string,
  onCommit: SyncTopic['onChange'],
): TrustTopic {
  const checker = new TrustChecker(trustDomain)
  const words = new Map<string, PeerWord>()
  const check = (state: TrustState): void => {
    const fault = checker.faultOf(state)
    if (fault !== undefined) throw new AuthorityError('TRUST_REFUSED', fault)
  }
  const take = async (state: TrustState, trail: Trail = {}): Promise<void> => {
    check(state)
    await trust.adopt({ state, branch: grow({ roots: state.roots, trail }, state.roots) })
  }
  return {
    name: 'trust',
    say: () => ({ state: trust.raw(), trail: trust.branch().trail, revision: trust.revision() }),
    async hear(said, from) {
      const { state, trail, revision } = saidSchema.parse(said)
      check(state)
      if (words.size < PEERS_MAX || words.has(from))
        words.set(from, { sequence: state.roots.version, revision })
      await take(state, trail)
    },
    take,
    onChange: onCommit,
    wordOf: (instance) => words.get(instance),
  }
}
