import { CodedError } from '../errors/index.ts'

export type SealErrorCode = 'ENVELOPE_MALFORMED' | 'KEY_UNKNOWN' | 'NOT_AUTHENTIC' | 'KEY_FILE'

/** Why something cannot be opened, or a key not be used. Never holds plaintext or key material. */
export class SealError extends CodedError<SealErrorCode> {}
