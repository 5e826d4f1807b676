import { Refusal, type RefusalCode } from '@countersign/layers'

/** Why the registry says no. The rule and the remedy are for the log; the detail is for the caller. */
export interface Refused {
  readonly refused: RefusedCode
  readonly detail: string
  readonly rule: string
  readonly remedy: string
}
const CODES = {
  NAME_NOT_YOURS: 'CALLER_FORBIDDEN',
  ID_NOT_YOURS: 'CALLER_FORBIDDEN',
  ID_UNKNOWN: 'NOT_FOUND',
  ADDRESS_NOT_ALLOWED: 'BODY_INVALID',
  TTL_NOT_ALLOWED: 'BODY_INVALID',
  TOO_MANY: 'CONFLICT',
  CONTRACT_INVALID: 'BODY_INVALID',
  PATH_TAKEN: 'CONFLICT',
  PATH_RESERVED: 'CONFLICT',
  TOO_MANY_WAITERS: 'RATE_LIMITED',
} as const satisfies Record<string, RefusalCode>
export type RefusedCode = keyof typeof CODES

export function refuse(refused: RefusedCode, facts: Omit<Refused, 'refused'>): Refused {
  return { refused, ...facts }
}
export function isRefused(value: object): value is Refused {
  return 'refused' in value
}
/** What a handler throws. */
export function toRefusal({ refused, detail, rule, remedy }: Refused): Refusal {
  const headers = refused === 'TOO_MANY_WAITERS' ? { headers: { 'retry-after': '1' } } : {}
  return new Refusal(CODES[refused], {
    detail,
    rule: `registry ${refused}: ${rule}`,
    remedy,
    ...headers,
  })
}
