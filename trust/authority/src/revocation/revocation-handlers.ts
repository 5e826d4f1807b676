import { type Handlers, workloadId } from '@countersign/contract'
import type { authority as contract } from '@countersign/contract/platform'
import type { Context } from '@countersign/service'
import { toRefusal } from '../errors.ts'
import type { Wanted } from './plan-revocation.ts'
import type { Asking, RevocationEvents } from './revocation-events.ts'
import type { Revocations } from './revocations.ts'

export interface RevocationHandlerParts {
  readonly revocations: Pick<Revocations, 'revoke'>
  readonly events: RevocationEvents
  readonly trustDomain: string
}

/** Who may ask is what the contract says. Nothing is taken back that is not on record first, and nothing is given back. */
export function revocationHandlers({
  revocations,
  events,
  trustDomain,
}: RevocationHandlerParts): Pick<Handlers<typeof contract, Context>, 'revoke'> {
  return {
    revoke: async ({ body: { of, reason = 'unspecified' }, permit, requestId }) => {
      const wanted: Wanted = 'name' in of ? { name: workloadId(trustDomain, of.name) } : of
      const asker = { workload: permit.caller, requestId }
      const asking: Asking = { wanted, reason, asker }
      await events.intended(asking)
      const taken = revocations.revoke(wanted, reason, permit.caller)
      const covered = await taken.catch(async (error: unknown) => {
        const refusal = toRefusal(error)
        await events.refused(asking, refusal)
        throw refusal
      })
      await events.revoked(asking, covered)
      return {
        revoked: covered.slice(0, REPLY_MAX).map(({ serial, name }) => ({ serial, name })),
      }
    },
  }
}

/** What the contract lets a reply have. */
const REPLY_MAX = 10_000
