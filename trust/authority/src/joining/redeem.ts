import type { Issued, Join } from '@countersign/contract/platform'
import type { Asker, Events } from '../events.ts'
import { toRefusal } from '../errors.ts'
import type { Authority } from '../issuing/authority.ts'
import type { PeerSync } from '../token/peer-sync.ts'

/*
 * A token for a certificate, once. The order matters:
 *
 * 1. the token is known, fresh, and says for which name            nothing has happened yet
 * 2. the request is for that name and can be signed                nothing has happened yet
 * 3. the token is spent, durably, here and at the other authority  a crash from here on costs the token, never a second use
 * 4. sign, check, write down, answer
 *
 * Throws `Refusal`; every refusal is an event.
 */
export async function redeem(
  join: Join,
  asker: Omit<Asker, 'workload'>,
  parts: { authority: Authority; sync: PeerSync; events: Events },
): Promise<Issued> {
  let workload: string | undefined
  try {
    const { hash, state } = parts.authority.tokens.find(join.token)
    workload = state.name
    const prepared = parts.authority.prepare(state.name, join.csr, 'join')
    await parts.sync.spend(hash)
    const issued = await prepared.commit()
    parts.events.issued('join', issued, { ...asker, workload })
    return issued
  } catch (error) {
    const refusal = toRefusal(error)
    parts.events.refused('join', refusal, { ...asker, workload })
    throw refusal
  }
}
