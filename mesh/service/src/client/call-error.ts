import { CodedError } from '@countersign/ground/errors'
import type { Problem } from '@countersign/layers'
import type { Received } from './connections.ts'

export type CallErrorCode = 'REFUSED' | 'REPLY_INVALID' | 'UNREACHABLE' | 'TIMEOUT' | 'NO_INSTANCE'

/** A call that did not bring what its contract promises. `problem` is what the other side said, where it said something. */
export class CallError extends CodedError<CallErrorCode> {
  /** Status of the answer; undefined where there was none. */
  readonly status: number | undefined
  readonly problem: Problem | undefined
  /** Seconds, from `Retry-After`. */
  readonly retryAfterSeconds: number | undefined
  constructor(
    code: CallErrorCode,
    message: string,
    more: {
      status?: number
      problem?: Problem | undefined
      retryAfterSeconds?: number | undefined
      cause?: unknown
      context?: Record<string, unknown>
    } = {},
  ) {
    super(code, message, more)
    this.name = 'CallError'
    this.status = more.status
    this.problem = more.problem
    this.retryAfterSeconds = more.retryAfterSeconds
  }

  static from(action: string, received: Received): CallError {
    const problem = readProblem(received)
    const retryAfter = Number(received.header('retry-after') ?? Number.NaN)
    return new CallError(
      'REFUSED',
      `${action} answered ${received.status}${problem === undefined ? '' : ` ${problem.code}`}`,
      {
        status: received.status,
        problem,
        retryAfterSeconds: Number.isSafeInteger(retryAfter) ? retryAfter : undefined,
      },
    )
  }
}

function readProblem(received: Received): Problem | undefined {
  if (!String(received.header('content-type')).startsWith('application/problem+json'))
    return undefined
  try {
    const problem: unknown = JSON.parse(received.body.toString('utf8'))
    return typeof problem === 'object' && problem !== null && 'code' in problem
      ? (problem as Problem)
      : undefined
  } catch {
    return undefined
  }
}
