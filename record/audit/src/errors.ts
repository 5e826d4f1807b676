import { CodedError } from '@countersign/ground/errors'

/**
 * LOG_DAMAGED: what is on disk is not what was signed or acknowledged; `countersign audit verify` names the place.
 * LOG_LOCKED: another process has the log. KEY_MISSING: there is a log, but not the key that signed it.
 * LOG_CLOSED: the log is closing.
 */
export type LogErrorCode = 'LOG_DAMAGED' | 'LOG_LOCKED' | 'KEY_MISSING' | 'LOG_CLOSED'

export class LogError extends CodedError<LogErrorCode> {}

export const damaged = (what: string): LogError =>
  new LogError('LOG_DAMAGED', `${what}; run \`countersign audit verify\` to find the place`)
