import { createHash } from 'node:crypto'
import { messageOf } from '@countersign/ground/errors'
import * as client from 'openid-client'
import {
  RENEWAL_KEPT_MS,
  RENEWAL_RETRY_MS,
  RENEWALS_KEPT_MAX,
  RENEWALS_UNDER_WAY_MAX,
} from '../limits.ts'
import { BoundedCache } from '../support/bounded-cache.ts'
import type { OidcConfig } from './config.ts'
import type { Parts, ProviderClient } from './provider.ts'
import { type Session, sessionOf } from './session.ts'
import { boundTo } from './sessions.ts'

/** What became of a refresh. */
type Outcome =
  | { readonly session: Session }
  /** The issuer refuses: whoever it is has to log in again. */
  | { readonly over: string }
  /** Nobody knows yet. */
  | { readonly unavailable: string }

/** Refreshes of this gateway, by client and refresh token: they outlive a change of the configuration. */
class Renewals {
  readonly #underWay = new Map<string, Promise<Outcome>>()
  readonly #known = new BoundedCache<{ readonly outcome: Outcome; readonly until: number }>(
    RENEWALS_KEPT_MAX,
  )

  run(key: string, now: () => number, ask: () => Promise<Outcome>): Promise<Outcome> {
    const known = this.#known.get(key)
    if (known !== undefined && now() < known.until) return Promise.resolve(known.outcome)
    const running = this.#underWay.get(key)
    if (running !== undefined) return running
    if (this.#underWay.size >= RENEWALS_UNDER_WAY_MAX)
      return Promise.resolve({ unavailable: 'too many sessions are refreshed' })
    const started = ask().then((outcome) => {
      const keptMs = 'unavailable' in outcome ? RENEWAL_RETRY_MS : RENEWAL_KEPT_MS
      this.#underWay.delete(key)
      this.#known.set(key, { outcome, until: now() + keptMs })
      return outcome
    })
    this.#underWay.set(key, started)
    return started
  }
}

/*
 * New tokens for a session (RFC 6749 section 6), a little before its access token ends:
 *
 * - one refresh at a time for each refresh token; requests that come with the old cookie for a while after it, as those
 *   of other tabs do, get what came of it: a token that was rotated (RFC 9700 section 4.14.2) is not used again
 * - new tokens are of the same person at the same issuer, or the session is over
 * - where no new ones are to be had, the old ones are good until their end; then it is a login again where the issuer
 *   refuses, and 503 where it cannot be asked
 */
export function createRenewal(
  config: OidcConfig,
  { tools, refuse, provider }: Parts & { readonly provider: ProviderClient },
) {
  const renewals = tools.shared('openid-connect renewals', () => new Renewals())
  const binding = JSON.stringify(boundTo(config))
  const ask = async (before: Session): Promise<Outcome> => {
    try {
      const configured = await provider.configuration()
      const tokens = await client.refreshTokenGrant(configured, before.refreshToken ?? '')
      const session = sessionOf(tokens, { now: tools.now(), scope: before.scope, before })
      if (session === undefined || session.claims.sub !== before.claims.sub)
        return { over: 'the new tokens are of somebody else' }
      return { session }
    } catch (error) {
      return outcomeOf(error)
    }
  }
  return {
    /** Whether it is time. */
    isDue: ({ refreshAt }: Session): boolean => !(tools.now() < refreshAt),
    /** The session to go on with; `undefined` where it is over. Rejects with `Refusal` where the issuer is away. */
    async renew(session: Session): Promise<Session | undefined> {
      const isGood = tools.now() < session.expiresAt
      if (!config.refresh_tokens || session.refreshToken === undefined)
        return isGood ? session : undefined
      const key = createHash('sha256').update(binding).update(session.refreshToken)
      const outcome = await renewals.run(
        key.digest('base64'),
        () => tools.now(),
        () => ask(session),
      )
      if ('session' in outcome) return outcome.session
      const reason = 'over' in outcome ? outcome.over : outcome.unavailable
      tools.log.info({ issuer: config.issuer, reason }, 'a session was not refreshed')
      if (isGood) return session
      if ('over' in outcome) return undefined
      throw refuse.unavailable(`the session cannot be refreshed: ${reason}`)
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

const VERDICTS: ReadonlySet<string> = new Set([
  'OAUTH_JWT_CLAIM_COMPARISON_FAILED',
  'OAUTH_JWT_TIMESTAMP_CHECK_FAILED',
  'OAUTH_INVALID_RESPONSE',
])
