/** The SDK: `serve(contract, handlers)` answers, `call(contract)` asks. Contracts are declared with what is exported along. */
export { contract, endpoint } from '@countersign/contract'
export type { Client, Contract, Endpoint, Handlers, RawReply } from '@countersign/contract'
export { Permit, Refusal } from '@countersign/layers'
export { z } from 'zod'
export { CallError } from './client/call-error.ts'
export { type Connected, connect, type Seed } from './connect.ts'
export {
  type Held,
  IdentityError,
  joinTrustDomain,
  obtain,
  type RenewCall,
  RenewingIdentity,
  type Trusted,
} from './identity/index.ts'
export { type AuthorityAt, Authorities } from './trust/authorities.ts'
export type { Follower } from './trust/follower.ts'
export { Revocations } from './trust/revocations.ts'
export { startFollower, type WayToAuthorities, wayToAuthorities } from './trust/start-follower.ts'
export type { Built, Env, Identify, Part } from './part.ts'
export { EVERYTHING_ENDS, EXIT_CERTIFICATE_LOST, type ProcessMessage, run } from './run.ts'
export { serve } from './serve.ts'
export { type Joined, joinMesh } from './join-mesh.ts'
export { type Running, startPart } from './start.ts'
export type {
  AuditWriter,
  Context,
  Contracts,
  Credential,
  Identity,
  Instances,
  TrustFeed,
  TrustStatus,
  Watch,
  Workload,
} from './workload.ts'
