import { BODY_DISCARD_BYTES_MAX } from '../limits.ts'
import type { Incoming } from './asked.ts'

/** Whether what is left of a body is worth reading to keep the connection. */
export function isSmallRest({ expectsContinue, length }: Incoming): boolean {
  return !expectsContinue && length !== undefined && length <= BODY_DISCARD_BYTES_MAX
}
