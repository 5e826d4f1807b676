import type { Account } from './account/account.ts'
import { type AcmeParts, timeText } from './call.ts'
import { baseOf, isWildcard } from './identifier/identifier.ts'
import {
  type Authorization,
  authorizationStatus,
  type Challenge,
  type Order,
  orderStatus,
} from './order/order.ts'
import type { Urls } from './urls.ts'

/** RFC 8555, 7.1.2. */
export function renderAccount(account: Account, urls: Urls): object {
  return {
    status: account.status,
    contact: account.contacts,
    orders: urls.orders(account.id),
    ...(account.binding === undefined
      ? {}
      : { externalAccountBinding: JSON.parse(account.binding) as object }),
  }
}

/** RFC 8555, 7.1.3. */
export function renderOrder(
  { authorizations, now }: Pick<AcmeParts, 'authorizations' | 'now'>,
  order: Order,
  urls: Urls,
): object {
  const { notBefore, notAfter, problem, serial, replaces } = order
  return {
    status: orderStatus(order, authorizations.findAll(order.authorizations), now()),
    expires: timeText(order.expiresAt),
    identifiers: order.names.map((value) => ({ type: 'dns', value })),
    ...(notBefore === undefined ? {} : { notBefore: timeText(notBefore) }),
    ...(notAfter === undefined ? {} : { notAfter: timeText(notAfter) }),
    ...(replaces === undefined ? {} : { replaces }),
    ...(problem === undefined ? {} : { error: problem }),
    authorizations: order.authorizations.map(urls.authorization),
    finalize: urls.finalize(order.id),
    ...(serial === undefined ? {} : { certificate: urls.certificate(serial) }),
  }
}

/** RFC 8555, 7.1.4. Once it is decided only the challenge that decided it is shown. */
export function renderAuthorization(authorization: Authorization, urls: Urls, now: number): object {
  const { name, challenges } = authorization
  const deciding = challenges.filter(({ status }) => status === authorization.status)
  const shown = authorization.status === 'pending' || deciding.length === 0 ? challenges : deciding
  return {
    identifier: { type: 'dns', value: baseOf(name) },
    status: authorizationStatus(authorization, now),
    expires: timeText(authorization.expiresAt),
    challenges: shown.map((challenge) => renderChallenge(challenge, urls)),
    ...(isWildcard(name) ? { wildcard: true } : {}),
  }
}

/** RFC 8555, 8. */
export function renderChallenge(challenge: Challenge, urls: Urls): object {
  const { id, type, status, token, validatedAt, problem } = challenge
  return {
    ...{ type, url: urls.challenge(id), status, token },
    ...(validatedAt === undefined ? {} : { validated: timeText(validatedAt) }),
    ...(problem === undefined ? {} : { error: problem }),
  }
}
