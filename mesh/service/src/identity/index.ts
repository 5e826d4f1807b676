/** How a workload comes by its certificate and keeps it fresh. */
export { IdentityError } from './errors.ts'
export { joinTrustDomain } from './join.ts'
export type { Held, Trusted } from './accept-issued.ts'
export { obtain, type RenewCall, RenewingIdentity } from './renewing-identity.ts'
