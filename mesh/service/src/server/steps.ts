import { GATEWAY } from '@countersign/contract'
import {
  bearerToken,
  type Limiter,
  type LimitVerdict,
  NOT_STARTED_HEADER,
  Permit,
  rateHeaders,
  Refusal,
  type TokenVerifier,
  unauthorized,
  type VerifiedToken,
} from '@countersign/layers'
import type { Decide, Denied } from '@countersign/policy'
import type { TLSSocket } from 'node:tls'
import type { AuditWriter } from '../workload.ts'
import type { Exchange } from './exchange.ts'
import { peerOf } from './peer.ts'
import { intentEvent } from './record.ts'
import type { Steps } from './stack.ts'

export interface StepParts {
  readonly verifier: TokenVerifier
  readonly limiter: Limiter
  readonly decide: Decide
  readonly audit: AuditWriter
  readonly draining: () => boolean
}

/** The steps of a service's door. */
export function createSteps(parts: StepParts): Steps {
  const authorizer = Permit.authorizer(parts.decide)
  return {
    refuseWhileDraining: () => {
      if (parts.draining())
        throw new Refusal('DRAINING', {
          headers: { connection: 'close', 'retry-after': '1', [NOT_STARTED_HEADER]: '1' },
        })
    },
    authenticatePeer: (exchange) => authenticatePeer(exchange),
    authenticatePerson: (exchange) => authenticatePerson(exchange, parts.verifier),
    takeLimit: (exchange) => takeLimit(exchange, parts.limiter),
    authorise: (exchange) => authorise(exchange, authorizer),
    recordIntent: (exchange) => {
      const { endpoint } = exchange.route
      const effect = endpoint.audited && endpoint.method !== 'GET' && endpoint.kind !== 'mount'
      return effect ? parts.audit.recordDurably(intentEvent(exchange)) : undefined
    },
  }
}

function authenticatePeer(exchange: Exchange): void {
  const peer = peerOf(exchange.incoming.socket as TLSSocket)
  if (typeof peer === 'string') {
    throw new Refusal('PEER_UNKNOWN', {
      rule: `peer certificate: ${peer}`,
      remedy: 'call with a certificate of the authority',
      headers: { connection: 'close' },
    })
  }
  exchange.peer = peer
  peer.owed++
  // The last answer of a connection that is to end.
  if (peer.leave !== undefined) exchange.outgoing.shouldKeepAlive = false
  // A connection may outlive the certificate that opened it; the right to use it does not.
  if (!(Date.now() <= peer.notAfter)) {
    throw new Refusal('PEER_UNKNOWN', {
      rule: 'peer certificate: has expired since the connection was made',
      remedy: 'renew the certificate and connect again',
      headers: { connection: 'close' },
    })
  }
}

function authenticatePerson(exchange: Exchange, verifier: TokenVerifier): void | Promise<void> {
  const { endpoint } = exchange.route
  // A mounted application reads its own credentials: for it an Authorization header means something else.
  if (endpoint.kind === 'mount') return
  const token = bearerToken(exchange.incoming.rawHeaders)
  if (token === undefined) {
    if (endpoint.roles === 'stranger') return
    throw unauthorized()
  }
  exchange.token = token
  const verified = verifier.verify(token, exchange.peer?.thumbprint)
  if (verified instanceof Promise) return verified.then((found) => welcome(exchange, found))
  welcome(exchange, verified)
}

function welcome(exchange: Exchange, verified: VerifiedToken): void {
  exchange.person = verified.person
}

/** Calls through the gateway were counted there, for all instances together; here count the workloads. */
function takeLimit(exchange: Exchange, limiter: Limiter): void | Promise<void> {
  const { route, peer, person } = exchange
  if (peer?.name === GATEWAY) return
  const who =
    route.limit.scope === 'person' && person !== undefined
      ? `person:${person.id}`
      : `caller:${peer?.name}`
  const verdict = limiter.take(`${route.action}|${who}`, route.limit)
  if (verdict instanceof Promise) return verdict.then((found) => spend(exchange, found))
  spend(exchange, verdict)
}

function spend(exchange: Exchange, verdict: LimitVerdict): void {
  exchange.limit = verdict
  if (verdict.allowed) return
  const full = verdict.windows.find((window) => window.remaining === 0)
  throw new Refusal('RATE_LIMITED', {
    detail: `Try again in ${verdict.retryAfterSeconds} s`,
    rule: `limit of ${exchange.route.action}: ${full?.max}/${full?.name} per ${exchange.route.limit.scope}`,
    remedy: `wait ${verdict.retryAfterSeconds} s, or raise the limit in the contract`,
    headers: rateHeaders(verdict),
  })
}

function authorise(exchange: Exchange, authorizer: ReturnType<typeof Permit.authorizer>): void {
  const { route, peer, person } = exchange
  const permit = authorizer({
    service: route.service,
    endpoint: route.endpoint,
    caller: peer?.name ?? '',
    callerId: peer?.id,
    callerSerial: peer?.serial,
    callerLineage: peer?.lineage,
    person,
  })
  if (!Permit.is(permit)) throw refusalOf(permit)
  exchange.permit = permit
}

function refusalOf({ code, rule, remedy }: Denied): Refusal {
  return code === 'TOKEN_MISSING' ? unauthorized() : new Refusal(code, { rule, remedy })
}
