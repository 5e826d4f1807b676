import type { EventEmitter } from 'node:events'
import type { Log } from '@countersign/ground/telemetry'
import type { errors, KoaContextWithOIDC, Provider } from 'oidc-provider'
import type { Doors } from '../door.ts'
import type { Events, TokenFacts } from '../events.ts'
import { ALREADY_USED } from '../store/provider-store.ts'
import type { KnownAccount } from './configuration.ts'

/** The provider's own words for a code or refresh token that came a second time, and our store's. */
const REUSE = /^(?:.* already (?:used|consumed)|already used)$/

/** Turns what the provider tells into our events. Listeners must not throw: the request would fail with them. */
export function listen(
  provider: Provider,
  { events, doors, log }: { events: Events; doors: Doors; log: Log },
): void {
  provider.on('grant.success', (ctx) => events.tokenIssued(doors.of(ctx.req), factsOf(ctx, doors)))
  provider.on('grant.error', (ctx, error) => {
    const door = doors.of(ctx.req)
    const facts = factsOf(ctx, doors)
    if (isReuse(error)) events.tokenReused(door, facts)
    else events.tokenRefused(door, facts, error.error, reasonOf(error))
  })
  provider.on('grant.revoked', (ctx) => {
    if (ctx.oidc.route !== 'revocation') return
    events.tokenRevoked(doors.of(ctx.req), factsOf(ctx, doors))
  })
  provider.on('end_session.success', (ctx) => {
    const { session, client } = ctx.oidc
    events.sessionEnded(doors.of(ctx.req), session?.accountId, client?.clientId)
  })
  provider.on('server_error', (ctx, error) => {
    doors.of(ctx.req).log.error({ err: error }, 'the provider failed')
  })
  // Koa's own; the types know the provider's events only.
  const koa: EventEmitter = provider
  koa.on('error', (error) => log.error({ err: error }, 'the provider failed'))
}

function factsOf(ctx: KoaContextWithOIDC, doors: Doors): TokenFacts {
  const { entities, params } = ctx.oidc
  const account = entities.Account as KnownAccount | undefined
  const token = entities.AccessToken ?? entities.ClientCredentials
  const clientId = entities.Client?.clientId
  const grant = typeof params?.grant_type === 'string' ? params.grant_type : 'none'
  const subject = account?.accountId ?? doors.of(ctx.req).subject
  return {
    grant,
    clientId,
    userId: grant === 'client_credentials' ? clientId : subject,
    person: account?.person,
    tokenId: token?.jti,
  }
}

function isReuse(error: errors.OIDCProviderError): boolean {
  const { error_detail: detail } = error
  return detail === ALREADY_USED || (detail !== undefined && REUSE.test(detail))
}

function reasonOf(error: errors.OIDCProviderError): string {
  return error.error_detail ?? error.error_description ?? error.error
}
