import { GATEWAY } from '@countersign/contract'
import { Permit, Refusal } from '@countersign/layers'
import type { Decide } from '@countersign/policy'
import type { Layer } from '../compose.ts'
import { routeOf } from '../domain/route.ts'

/** May they: from here on the exchange carries a Permit. The caller is the gateway, which stands for the world. */
export const authorize = (decide: Decide): Layer => {
  const permit = Permit.authorizer(decide)
  return (exchange, next) => {
    const { service, endpoint, origin } = routeOf(exchange)
    const verdict = permit({
      service,
      endpoint,
      caller: GATEWAY,
      callerId: undefined,
      person: exchange.person,
      origin,
    })
    if (!Permit.is(verdict))
      throw new Refusal(verdict.code, { rule: verdict.rule, remedy: verdict.remedy })
    exchange.permit = verdict
    return next(exchange)
  }
}
