import type { Issued } from '@countersign/contract/platform'
import { messageOf } from '@countersign/ground/errors'
import { AuthorityError, toRefusal } from '../errors.ts'
import type { Asker, Events } from '../events.ts'
import type { Authority } from '../issuing/authority.ts'
import type { IssueRequest } from '../issuing/issue-request.ts'
import { profileOf } from '../issuing/profiles.ts'
import type { PeerSync } from '../token/peer-sync.ts'
import type { Ticket } from './recognise.ts'

export interface RedeemParts {
  readonly authority: Authority
  readonly sync: PeerSync
  readonly events: Events
}

/*
 * A token for a certificate, once. The order matters:
 *
 * 1. the request is for the token's name and can be signed; the intent is on record   the token is as it was
 * 2. the token is spent, durably, here and at the other authorities                    a crash from here on costs the token, never a second use
 * 3. sign, check, put on record, answer
 *
 * An answer can get lost on its way. With the same token and a request for the same key it is given again: who does not
 * hold that key has no use for it.
 *
 * Throws `Refusal`; every refusal is an event.
 */
export async function redeem(
  ticket: Ticket,
  wanted: { readonly csr: string; readonly asker: Omit<Asker, 'workload'> },
  parts: RedeemParts,
): Promise<Issued> {
  const { name, hash } = ticket
  const asker = { ...wanted.asker, workload: name }
  const request: IssueRequest = {
    ...{ profile: profileOf(name), kind: 'join', name, csr: wanted.csr },
    asker: asker.address,
  }
  try {
    if (ticket.again === true) return answerAgain(request, asker, parts)
    const prepared = await parts.authority.prepare(request)
    try {
      await parts.sync.spend(hash)
    } catch (error) {
      await prepared.cancel(messageOf(error))
      throw error
    }
    const issued = await prepared.commit()
    parts.events.issued('join', issued, asker)
    return issued
  } catch (error) {
    const refusal = toRefusal(error)
    parts.events.refused('join', refusal, asker)
    throw refusal
  }
}

function answerAgain(request: IssueRequest, asker: Asker, parts: RedeemParts): Issued {
  const issued = parts.authority.repeat(request)
  if (issued === undefined) throw new AuthorityError('TOKEN_REFUSED', 'SPENT')
  parts.events.repeated(issued, asker)
  return issued
}
