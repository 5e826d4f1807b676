/** Which key speaks for which name, and until when. */
export { AuthorityError, type AuthorityErrorCode } from './errors.ts'
export { type Authority, type AuthorityOptions, openAuthority } from './issuing/authority.ts'
export type { IssueKind, IssueRequest, Prepared } from './issuing/issue-request.ts'
export type { IssuedReader } from './issuing/issued-reader.ts'
export type { IssuedRecord } from './issuing/issued-record.ts'
export { afterRestore } from './keys/after-restore.ts'
export { findLoose, type Loose, requirePrivate } from './keys/check-modes.ts'
export { exportRoot, importRoot, type MovedRoot, type RootMove } from './keys/offline-root.ts'
export { part } from './part.ts'
export {
  type Initialised,
  type InitialiseOptions,
  initialiseAuthority,
} from './pki/initialise-authority.ts'
export { writeBootstrapToken } from './token/bootstrap-token.ts'
export { JoinTokens } from './token/join-tokens.ts'
export { generateToken } from './token/token.ts'
