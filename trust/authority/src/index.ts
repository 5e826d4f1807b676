/** Which key speaks for which name, and until when. */
export { AuthorityError, type AuthorityErrorCode } from './errors.ts'
export { type Authority, type AuthorityOptions, openAuthority } from './issuing/authority.ts'
export type { IssueKind } from './issuing/issued-log.ts'
export { part } from './part.ts'
export {
  type Initialised,
  type InitialiseOptions,
  initialiseAuthority,
} from './pki/initialise-authority.ts'
export { writeBootstrapToken } from './token/bootstrap-token.ts'
export { JoinTokens } from './token/join-tokens.ts'
export { generateToken } from './token/token.ts'
