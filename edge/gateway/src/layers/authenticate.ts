import {
  bearerToken,
  type CachingTokenVerifier,
  type FailureBudget,
  unauthorized,
  verifyWithin,
} from '@countersign/layers'
import type { Layer } from '../compose.ts'
import { routeOf } from '../domain/route.ts'
import type { Events } from '../events.ts'

/**
 * Who is asking. An endpoint for strangers does not look at credentials: what a mounted application is sent is between
 * it and its client. A token that is bound to a certificate is refused: at this door nobody shows one.
 */
export const authenticate =
  (
    events: Events,
    by: { readonly verifier: CachingTokenVerifier; readonly budget: FailureBudget },
  ): Layer =>
  (exchange, next) => {
    const { endpoint, origin } = routeOf(exchange)
    if (endpoint.roles === 'stranger') return next(exchange)
    const token = bearerToken(exchange.request.headers)
    if (token === undefined) throw unauthorized(`${origin}: a person is required`)
    const known = by.verifier.recall(token, undefined)
    events.tokenAsked(known !== undefined)
    const { address } = exchange.connection
    const verified = known ?? verifyWithin(by.budget, by.verifier, { token, address })
    if (!(verified instanceof Promise)) {
      exchange.person = verified.person
      exchange.provenUntil = verified.expiresAt
      return next(exchange)
    }
    return verified.then(({ person, expiresAt }) => {
      exchange.person = person
      exchange.provenUntil = expiresAt
      return next(exchange)
    })
  }
