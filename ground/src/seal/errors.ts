import { CodedError } from '../errors/index.ts'

export type SealErrorCode =
  | 'ENVELOPE_MALFORMED'
  | 'KEY_UNKNOWN'
  | 'NOT_AUTHENTIC'
  /** A file with a key or a passphrase is missing, open to others, or holds something else. */
  | 'KEY_FILE'
  | 'PASSPHRASE_WRONG'
  /** The key service does not answer. Later it may. */
  | 'KMS_UNAVAILABLE'
  /** The key service says no: another PIN, another key, or a blob that is not its own. */
  | 'KMS_REFUSED'

/** Why something cannot be opened, or a key not be used. Never holds plaintext or key material. */
export class SealError extends CodedError<SealErrorCode> {}
