export { addressKey } from './address-key.ts'
export { type Candidate, pickInstance } from './balance.ts'
export { bearerToken } from './bearer-token.ts'
export { type Breaker, type BreakerState, createBreaker, type Entry } from './breaker.ts'
export { createFailureBudget, type FailureBudget, verifyWithin } from './failure-budget.ts'
export {
  type FleetStore,
  NO_FLEET_STORE,
  type OpenFleetStore,
  partOfFleet,
} from './fleet-store.ts'
export { createMemoryFleetStore } from './fleet-store-memory.ts'
export { openRedisFleetStore } from './fleet-store-redis.ts'
export { idempotencyKey, idempotencyKeyIn } from './idempotency-key.ts'
export { type FetchKeys, KeySource, type KeySourceOptions } from './key-source.ts'
export * from './limiter.ts'
export { createMemoryLimiter } from './limiter-memory.ts'
export { createRedisLimiter, type RedisLimiterOptions } from './limiter-redis.ts'
export type { Share } from './limiter-usage.ts'
export * from './permit.ts'
export { type PeerProver, proverOf } from './peer-prover.ts'
export {
  CUT_REASONS,
  type CutReason,
  NOTHING_TAKEN_BACK,
  type Revocable,
  type RevocationList,
} from './revocation-list.ts'
export { rateLines } from './rate-lines.ts'
export { addRateHeaders, jointRateHeaders, rateHeaders, rateLimited } from './rate-headers.ts'
export * from './refusal.ts'
export { refuseBytes } from './refuse-bytes.ts'
export {
  type Attempt,
  isIdempotentMethod,
  mayRetry,
  NOT_STARTED_HEADER,
  RetryBudget,
} from './retry.ts'
export * from './token.ts'
export { invalidToken, keysUnavailable, unauthorized } from './token-refusals.ts'
export {
  type CachingTokenVerifier,
  createTokenVerifier,
  type TokenVerifierOptions,
} from './token-verifier.ts'
export { turnedAwayEvent, TurnedAwaySum } from './turned-away.ts'
export {
  createUpstream,
  type OutsideOptions,
  type Upstream,
  type UpstreamOptions,
  type WorkloadOptions,
} from './upstream.ts'
export { type BodySink, type BodySource, sourceOf } from './upstream-body.ts'
export type { ClientIdentity, PeerEvidence } from './upstream-connector.ts'
export { UpstreamError, type UpstreamErrorCode } from './upstream-error.ts'
export type { OutsidePeer } from './upstream-outside.ts'
export type { Receiver } from './upstream-receiver.ts'
export type { UpstreamReply } from './upstream-reply.ts'
export type { UpstreamRequest } from './upstream-request.ts'
export {
  joinLines,
  type RequestLines,
  requestLineFilter,
  requestLines,
  toldLines,
} from './upstream-lines.ts'
