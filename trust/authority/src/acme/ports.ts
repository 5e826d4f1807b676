import type { TrustState } from '@countersign/contract/platform'
import type { Authority } from '../issuing/authority.ts'
import type { IssuedReader } from '../issuing/issued-reader.ts'
import type { Revocations } from '../revocation/revocations.ts'

/** What the ACME server needs of the rest of the authority. */
export interface AcmePorts {
  /** Checks a request and puts the intent on record; what it returns signs, once. */
  readonly prepare: Authority['prepare']
  /** Finds what was signed for an order before a crash: each is asked for under the name of its order. */
  readonly issued: Pick<IssuedReader, 'list'>
  readonly revocations: Pick<Revocations, 'revoke' | 'has' | 'isCompromised'>
  /** Roots and intermediates of this moment. */
  trust(): TrustState
}
