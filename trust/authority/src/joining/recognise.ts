import type { Join } from '@countersign/contract/platform'
import { AuthorityError } from '../errors.ts'
import type { AccountTokens } from '../kubernetes/account-tokens.ts'
import type { JoinTokens } from '../token/join-tokens.ts'
import { hashToken } from '../token/token.ts'

/** What a caller of the join door has shown: that it may join under this name, once. */
export interface Ticket {
  /** By which the use of it is remembered, here and at the other authorities. */
  readonly hash: string
  readonly name: string
  /** It has been used. Whoever used it may have lost the answer, and gets that one again, and no other. */
  readonly again?: boolean
}

export interface RecogniseParts {
  readonly tokens: JoinTokens
  /** Undefined where no Kubernetes cluster is trusted. */
  readonly accounts: AccountTokens | undefined
}

/** Whose token this is. Changes nothing on disk. Throws `AuthorityError` TOKEN_REFUSED or TOKENS_FULL, or `Refusal` KEYS_UNAVAILABLE. */
export async function recognise(join: Join, { tokens, accounts }: RecogniseParts): Promise<Ticket> {
  if ('token' in join) {
    const used = usedTicket(tokens, hashToken(join.token))
    if (used !== undefined) return used
    const { hash, state } = tokens.find(join.token)
    return { hash, name: state.name }
  }
  if (accounts === undefined)
    throw new AuthorityError('TOKEN_REFUSED', 'service-account tokens are not taken here')
  const { hash, name, expiresAt } = await accounts.verify(join.serviceAccountToken)
  const used = usedTicket(tokens, hash)
  if (used?.name === name) return used
  tokens.admit(hash, { name, expiresAt })
  return { hash, name }
}

function usedTicket(tokens: JoinTokens, hash: string): Ticket | undefined {
  const state = tokens.stateOf(hash)
  if (state === undefined || tokens.refusalOf(hash) !== 'SPENT') return undefined
  return { hash, name: state.name, again: true }
}
