/** How a workload comes by its certificate and keeps it fresh. */
export { IdentityError, type IdentityErrorCode } from './errors.ts'
export { type JoinOptions, joinTrustDomain } from './join.ts'
export type { Door } from './join-door.ts'
export {
  type Held,
  obtain,
  type RenewalHooks,
  type RenewCall,
  RenewingIdentity,
} from './renewing-identity.ts'
