import type { NewAuditEvent } from '@countersign/contract/platform'
import type { Log, Metrics } from '@countersign/ground/telemetry'
import type { AuditWriter } from '@countersign/service'
import type { Door } from './door.ts'
import type { Person } from './people/people.ts'

/** What happened to a token request, and to whom. Holds no token, code or secret. */
export interface TokenFacts {
  readonly grant: string
  readonly clientId: string | undefined
  readonly userId: string | undefined
  readonly person?: Person | undefined
  readonly tokenId?: string | undefined
}

/** One function per event: audit record and metric leave together. */
export interface Events {
  loginSucceeded(door: Door, person: Person, clientId: string): void
  loginFailed(door: Door, username: string, clientId: string): void
  loginThrottled(door: Door, username: string, clientId: string, retryAfterSeconds: number): void
  /** The user service could not be asked. */
  loginUnavailable(door: Door, username: string, clientId: string, cause: unknown): void
  tokenIssued(door: Door, facts: TokenFacts): void
  tokenRefused(door: Door, facts: TokenFacts, code: string, reason: string): void
  /** A code or refresh token came a second time: its family is ended. */
  tokenReused(door: Door, facts: TokenFacts): void
  tokenRevoked(door: Door, facts: TokenFacts): void
  sessionEnded(door: Door, userId: string | undefined, clientId: string | undefined): void
  keysRotated(kid: string): void
}

const GRANTS: ReadonlySet<string> = new Set([
  'authorization_code',
  'refresh_token',
  'client_credentials',
])
const TEXT_MAX = 256

export function createEvents(to: { audit: AuditWriter; metrics: Metrics; log: Log }): Events {
  const logins = to.metrics.counter('identity_logins_total', 'Logins by outcome', ['outcome'])
  const tokens = to.metrics.counter(
    'identity_tokens_total',
    'Token requests by grant and outcome',
    ['grant', 'outcome'],
  )
  const sessions = to.metrics.counter('identity_sessions_ended_total', 'Sessions ended by logout')
  const countToken = (grant: string, outcome: string): void =>
    tokens.inc({ grant: GRANTS.has(grant) ? grant : 'other', outcome })
  const action = (grant: string): string =>
    grant === 'refresh_token' ? 'token.refresh' : 'token.issue'
  const record = (event: NewAuditEvent): void => to.audit.record(event)

  return {
    loginSucceeded(door, person, clientId) {
      logins.inc({ outcome: 'success' })
      record({
        ...login('login.success', 'success', door, clientId),
        userId: person.id,
        user: { name: person.username, roles: [...person.roles] },
      })
    },
    loginFailed(door, username, clientId) {
      logins.inc({ outcome: 'failure' })
      const base = login('login.failure', 'refused', door, clientId)
      record({ ...base, user: { name: username } })
    },
    loginThrottled(door, username, clientId, retryAfterSeconds) {
      logins.inc({ outcome: 'throttled' })
      const base = login('login.throttled', 'refused', door, clientId, {
        code: 'RATE_LIMITED',
        reason: `too many failed logins; again in ${retryAfterSeconds} s`,
      })
      record({ ...base, user: { name: username } })
    },
    loginUnavailable(door, username, clientId, cause) {
      logins.inc({ outcome: 'unavailable' })
      door.log.error({ err: cause }, 'a password could not be checked')
      const base = login('login.failure', 'failure', door, clientId, { code: 'UPSTREAM_FAILED' })
      record({ ...base, user: { name: username } })
    },
    tokenIssued(door, facts) {
      countToken(facts.grant, 'issued')
      record(token(action(facts.grant), 'success', door, facts))
    },
    tokenRefused(door, facts, code, reason) {
      countToken(facts.grant, 'refused')
      record(token(action(facts.grant), 'refused', door, facts, { code, reason: cut(reason) }))
    },
    tokenReused(door, facts) {
      countToken(facts.grant, 'reused')
      record(
        token('token.reuse', 'refused', door, facts, {
          code: 'invalid_grant',
          reason: 'used a second time; every token of this login is ended',
        }),
      )
    },
    tokenRevoked(door, facts) {
      record(token('token.revoke', 'success', door, facts))
    },
    sessionEnded(door, userId, clientId) {
      sessions.inc()
      record({
        action: 'session.end',
        status: 'success',
        userId: userId ?? null,
        event: { kind: 'event', category: ['session'], type: ['end'] },
        ...where(door),
        ...details({ clientId }),
      })
    },
    keysRotated(kid) {
      to.log.info({ kid }, 'another key signs from now on')
      record({
        action: 'signing-key.rotate',
        status: 'success',
        userId: null,
        event: { kind: 'event', category: ['configuration'], type: ['change'] },
        ...details({ kid }),
      })
    },
  }
}

type Status = NewAuditEvent['status']
type Extra = { readonly code?: string; readonly reason?: string }

function login(
  action: string,
  status: Status,
  door: Door,
  clientId: string,
  extra: Extra = {},
): NewAuditEvent {
  return {
    action,
    status,
    userId: null,
    event: {
      kind: 'event',
      category: ['authentication'],
      type: [status === 'success' ? 'start' : status === 'refused' ? 'denied' : 'error'],
      ...extra,
    },
    ...where(door),
    ...details({ clientId }),
  }
}

function token(
  action: string,
  status: Status,
  door: Door,
  facts: TokenFacts,
  extra: Extra = {},
): NewAuditEvent {
  const { person } = facts
  return {
    action,
    status,
    userId: facts.userId ?? null,
    event: {
      kind: 'event',
      category: ['authentication'],
      type: [status === 'success' ? 'allowed' : 'denied'],
      ...extra,
    },
    ...(person === undefined ? {} : { user: { name: person.username, roles: [...person.roles] } }),
    ...where(door),
    ...details({ grant: cut(facts.grant), clientId: facts.clientId, tokenId: facts.tokenId }),
  }
}

function where(door: Door): Pick<NewAuditEvent, 'client' | 'http'> {
  return {
    client: { workload: door.caller, ...(door.ip === undefined ? {} : { ip: door.ip }) },
    http: { request: { id: door.requestId } },
  }
}

function details(
  given: Readonly<Record<string, string | undefined>>,
): Pick<NewAuditEvent, 'countersign'> {
  const known = Object.entries(given).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, cut(value)]],
  )
  return { countersign: { door: 'identity', details: Object.fromEntries(known) } }
}

function cut(text: string): string {
  return text.slice(0, TEXT_MAX)
}
