import { parseJsonObject } from '@countersign/ground/jose'
import type { Log } from '@countersign/ground/telemetry'
import { z } from 'zod'
import type { Store } from '../store/store.ts'
import type { Account } from './account/account.ts'
import type { AccountStore } from './account/account-store.ts'
import type { BindingKeys } from './account/binding-keys.ts'
import type { CertificateStore } from './certificate/certificate-store.ts'
import type { Validations } from './challenge/validations.ts'
import type { AcmeConfig } from './config.ts'
import type { RateBuckets } from './domain/bucket.ts'
import type { AcmeEvents } from './events.ts'
import type { AccountKey } from './jws/account-key.ts'
import type { AcmeRates } from './limits.ts'
import type { AuthorizationStore } from './order/authorization-store.ts'
import type { Issuing } from './order/issuing.ts'
import type { OrderStore } from './order/order-store.ts'
import type { AcmePorts } from './ports.ts'
import { malformed, notFound } from './problem.ts'
import type { Urls } from './urls.ts'

/** What every action works with. */
export interface AcmeParts {
  readonly store: Store
  readonly accounts: AccountStore
  readonly orders: OrderStore
  readonly authorizations: AuthorizationStore
  readonly certificates: CertificateStore
  readonly bindingKeys: BindingKeys
  readonly validations: Validations
  readonly issuing: Issuing
  readonly ports: AcmePorts
  readonly config: AcmeConfig
  readonly rates: AcmeRates
  readonly newAccounts: RateBuckets
  readonly events: AcmeEvents
  readonly log: Log
  readonly now: () => number
}

/** A request whose sender is proven. */
export interface Call {
  readonly key: AccountKey
  /** Undefined where the request brought a key. */
  readonly account: Account | undefined
  readonly payload: Buffer
  readonly params: Readonly<Record<string, string>>
  readonly urls: Urls
  /** Where it was sent. */
  readonly url: string
  readonly address: string
  readonly requestId: string
}
export type AccountCall = Call & { readonly account: Account }

export interface AcmeReply {
  readonly status: number
  /** Sent as JSON; nothing where it is missing. */
  readonly body?: object
  readonly pem?: string
  readonly location?: string
  readonly links?: readonly { readonly url: string; readonly rel: string }[]
  readonly retryAfterSeconds?: number
}

/** Reads the payload by its schema. Throws `AcmeProblem` malformed; the message names fields, never values. */
export function readPayload<T extends z.ZodType>({ payload }: Call, schema: T): z.output<T> {
  const value = parseJsonObject(payload)
  if (value === undefined) throw malformed('the payload is not one plain JSON object')
  const read = schema.safeParse(value)
  if (read.success) return read.data
  const [issue] = read.error.issues
  throw malformed(`the payload is not as it should be: ${issue?.path.join('.') || 'its members'}`)
}

/** RFC 8555, 6.3: an empty payload asks for the resource as it is. */
export function isPostAsGet({ payload }: Call): boolean {
  return payload.length === 0
}

export function expectPostAsGet(call: Call): void {
  if (!isPostAsGet(call)) throw malformed('this resource is only read: the payload has to be empty')
}

/** What belongs to somebody else is as good as absent. */
export function own<T extends { readonly account: string }>(
  found: T | undefined,
  { account }: AccountCall,
): T {
  if (found === undefined || found.account !== account.id) throw notFound()
  return found
}

/** RFC 3339, in milliseconds since 1970. */
export const timeSchema = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text))

export function timeText(ms: number): string {
  return new Date(Math.floor(ms / 1_000) * 1_000).toISOString().replace('.000Z', 'Z')
}
