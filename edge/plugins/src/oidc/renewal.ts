import { createHash } from 'node:crypto'
import { messageOf } from '@countersign/ground/errors'
import * as client from 'openid-client'
import { RENEWALS_IN_ROW_MAX } from '../limits.ts'
import type { OidcConfig } from './config.ts'
import { createFleetRenewal } from './fleet-renewal.ts'
import type { Parts, ProviderClient } from './provider.ts'
import { type Outcome, Renewals } from './renewals.ts'
import { type Session, sessionOf } from './session.ts'
import { boundTo } from './sessions.ts'

/*
 * New tokens for a session (RFC 6749 section 6), a little before its access token ends:
 *
 * - one refresh for each refresh token, over all gateways that have a store together (fleet-renewal.ts); requests that
 *   come with the old cookie for a while after it, as those of other tabs do, get what came of it: a token that was
 *   rotated (RFC 9700 section 4.14.2) is not used again
 * - new tokens are of the same person at the same issuer, or the session is over
 * - where no new ones are to be had, the old ones are good until their end; then it is a login again where the issuer
 *   refuses, and 503 where it cannot be asked
 */
export function createRenewal(
  config: OidcConfig,
  { tools, refuse, provider }: Parts & { readonly provider: ProviderClient },
) {
  const renewals = tools.shared('openid-connect renewals', () => new Renewals())
  const binding = boundTo(config)
  const runForAll = createFleetRenewal(config, tools)
  const ask = async (before: Session): Promise<Outcome> => {
    try {
      const configured = await provider.configuration()
      const tokens = await client.refreshTokenGrant(configured, before.refreshToken ?? '')
      const session = sessionOf(tokens, { now: tools.now(), scope: before.scope, before })
      return session === undefined
        ? { over: 'the ID token is not one plain JSON object' }
        : { session }
    } catch (error) {
      return outcomeOf(error)
    }
  }
  const askForAll = async (hash: string, before: Session): Promise<Outcome> => {
    try {
      // First of all, so that nobody waits for a lease while its holder learns who the issuer is.
      await provider.configuration()
    } catch (error) {
      return outcomeOf(error)
    }
    const outcome = await runForAll(hash, () => ask(before))
    if ('session' in outcome && outcome.session.claims.sub !== before.claims.sub)
      return { over: 'the new tokens are of somebody else' }
    return outcome
  }
  const renewOnce = (session: Session): Promise<Outcome> => {
    const { refreshToken, accessToken } = session
    if (!config.refresh_tokens || refreshToken === undefined)
      return Promise.resolve({ over: NOT_WANTED })
    // With the access token, too: an issuer that does not rotate has many refreshes for one refresh token.
    const text = JSON.stringify([binding, refreshToken, accessToken])
    const hash = createHash('sha256').update(text).digest('base64url')
    return renewals.run(
      hash,
      () => tools.now(),
      () => askForAll(hash, session),
    )
  }
  const settle = (session: Session, outcome: Exclude<Outcome, { session: Session }>) => {
    const reason = 'over' in outcome ? outcome.over : outcome.unavailable
    if (reason !== NOT_WANTED)
      tools.log.info({ issuer: config.issuer, reason }, 'a session was not refreshed')
    if (tools.now() < session.expiresAt) return session
    if ('over' in outcome) return undefined
    throw refuse.unavailable(`the session cannot be refreshed: ${reason}`)
  }
  return {
    /** Whether it is time. */
    isDue: ({ refreshAt }: Session): boolean => !(tools.now() < refreshAt),
    /** The session to go on with; `undefined` where it is over. Rejects with `Refusal` where the issuer is away. */
    async renew(session: Session): Promise<Session | undefined> {
      let latest = session
      // Who comes late may find tokens that are over as well: they have a refresh of their own, which may be known, too.
      for (let i = 0; i < RENEWALS_IN_ROW_MAX; i++) {
        const outcome = await renewOnce(latest)
        if (!('session' in outcome)) return settle(latest, outcome)
        latest = outcome.session
        if (tools.now() < latest.expiresAt) return latest
      }
      throw refuse.unavailable('new tokens of the issuer are over when they come')
    },
  }
}

/** Errors of OAuth are an answer (RFC 6749 section 5.2), as are tokens that do not verify; others are none. */
function outcomeOf(error: unknown): Outcome {
  if (error instanceof client.ResponseBodyError && (error.status === 400 || error.status === 401))
    return { over: `the issuer says ${error.error}` }
  if (error instanceof client.ClientError && VERDICTS.has(error.code ?? ''))
    return { over: messageOf(error) }
  return { unavailable: messageOf(error) }
}

const NOT_WANTED = 'nothing is there to refresh it with'

const VERDICTS: ReadonlySet<string> = new Set([
  'OAUTH_JWT_CLAIM_COMPARISON_FAILED',
  'OAUTH_JWT_TIMESTAMP_CHECK_FAILED',
  'OAUTH_INVALID_RESPONSE',
])
