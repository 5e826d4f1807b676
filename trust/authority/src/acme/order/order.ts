import type { ProblemType } from '../problem.ts'

/** What went wrong, as it is kept and shown. */
export interface KeptProblem {
  readonly type: string
  readonly detail: string
  readonly status: number
}

export type ChallengeType = 'http-01' | 'dns-01' | 'tls-alpn-01'
export interface Challenge {
  readonly id: string
  readonly authorization: string
  readonly type: ChallengeType
  readonly token: string
  readonly status: 'pending' | 'processing' | 'valid' | 'invalid'
  readonly validatedAt: number | undefined
  readonly problem: KeptProblem | undefined
}

/** An account's right to a name. */
export interface Authorization {
  readonly id: string
  readonly account: string
  /** With `*.` in front where it is for a wildcard. */
  readonly name: string
  /** As it is kept. What has expired says so by its time. */
  readonly status: 'pending' | 'valid' | 'invalid' | 'deactivated'
  readonly expiresAt: number
  readonly challenges: readonly Challenge[]
}

export interface Order {
  readonly id: string
  readonly account: string
  /** As it is kept: whether a pending one is ready, or will never be, follows from its authorizations. */
  readonly status: 'pending' | 'processing' | 'valid' | 'invalid'
  readonly names: readonly string[]
  readonly authorizations: readonly string[]
  readonly notBefore: number | undefined
  readonly notAfter: number | undefined
  /** Id (RFC 9773, 4.1) of the certificate that this one takes the place of. */
  readonly replaces: string | undefined
  readonly csr: Buffer | undefined
  readonly serial: string | undefined
  readonly problem: KeptProblem | undefined
  readonly createdAt: number
  readonly expiresAt: number
}

export type OrderStatus = Order['status'] | 'ready'
export type AuthorizationStatus = Authorization['status'] | 'expired'

/** RFC 8555, 7.1.6. What was decided stays; what was not in time expires. */
export function authorizationStatus(
  { status, expiresAt }: Pick<Authorization, 'status' | 'expiresAt'>,
  now: number,
): AuthorizationStatus {
  const ends = status === 'pending' || status === 'valid'
  return ends && !(now < expiresAt) ? 'expired' : status
}

/**
 * RFC 8555, 7.1.6: ready when every authorization is valid, invalid as soon as one cannot be valid any more, or when
 * the order was not finalized in time.
 */
export function orderStatus(
  order: Pick<Order, 'status' | 'expiresAt'>,
  authorizations: readonly Pick<Authorization, 'status' | 'expiresAt'>[],
  now: number,
): OrderStatus {
  if (order.status !== 'pending') return order.status
  if (!(now < order.expiresAt) || authorizations.length === 0) return 'invalid'
  const found = authorizations.map((each) => authorizationStatus(each, now))
  if (found.every((status) => status === 'valid')) return 'ready'
  const open = found.every((status) => status === 'valid' || status === 'pending')
  return open ? 'pending' : 'invalid'
}

/** Which challenges there are for a name: a wildcard can only be proven in the DNS (RFC 8555, 7.1.3 and 7.4.1). */
export function challengeTypesFor(name: string): readonly ChallengeType[] {
  return name.startsWith('*.') ? ['dns-01'] : ['http-01', 'dns-01', 'tls-alpn-01']
}

/** Problems of a validation that another attempt may not have. */
export const PASSING: ReadonlySet<ProblemType> = new Set(['connection', 'dns', 'serverInternal'])
