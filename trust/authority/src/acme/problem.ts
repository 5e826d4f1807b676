/*
 * Every way in which the ACME server says no (RFC 8555, 6.7; RFC 9773, 7.4). What a problem says is for the client and
 * names nothing of ours; its `cause` is for the log.
 */
const STATUS = {
  accountDoesNotExist: 400,
  alreadyReplaced: 409,
  alreadyRevoked: 400,
  badCSR: 400,
  badNonce: 400,
  badPublicKey: 400,
  badRevocationReason: 400,
  badSignatureAlgorithm: 400,
  caa: 403,
  connection: 400,
  dns: 400,
  externalAccountRequired: 403,
  incorrectResponse: 403,
  invalidContact: 400,
  malformed: 400,
  orderNotReady: 403,
  rateLimited: 429,
  rejectedIdentifier: 400,
  serverInternal: 500,
  tls: 400,
  unauthorized: 403,
  unsupportedContact: 400,
  unsupportedIdentifier: 400,
  userActionRequired: 403,
} as const
export type ProblemType = keyof typeof STATUS

export interface Subproblem {
  readonly type: ProblemType
  readonly detail: string
  readonly identifier: string
}
interface ProblemFacts {
  /** Where it differs from what the type usually has: 401 for who has not proven who he is, 404, 405, 415. */
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly subproblems?: readonly Subproblem[]
  /** Which would have been believed (RFC 8555, 6.2). */
  readonly algorithms?: readonly string[]
  readonly cause?: unknown
}

/** Thrown by any step to refuse a request; kept with a challenge or an order that failed. */
export class AcmeProblem extends Error {
  readonly type: ProblemType
  readonly status: number
  readonly facts: ProblemFacts
  constructor(type: ProblemType, detail: string, facts: ProblemFacts = {}) {
    super(detail, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.name = 'AcmeProblem'
    this.type = type
    this.status = facts.status ?? STATUS[type]
    this.facts = facts
  }

  /** The problem document (RFC 9457). */
  toJSON(): object {
    const { subproblems, algorithms } = this.facts
    return {
      type: urn(this.type),
      detail: this.message,
      status: this.status,
      ...(algorithms === undefined ? {} : { algorithms }),
      ...(subproblems === undefined
        ? {}
        : {
            subproblems: subproblems.map(({ type, detail, identifier }) => ({
              ...{ type: urn(type), detail, identifier: { type: 'dns', value: identifier } },
            })),
          }),
    }
  }
}

function urn(type: ProblemType): string {
  return `urn:ietf:params:acme:error:${type}`
}

/** What cannot be there and what is somebody else's look the same. */
export function notFound(): AcmeProblem {
  return new AcmeProblem('malformed', 'there is nothing here for this account', { status: 404 })
}

export function malformed(detail: string): AcmeProblem {
  return new AcmeProblem('malformed', detail)
}

/** Whoever asks has not proven to be who he says. */
export function unproven(detail: string): AcmeProblem {
  return new AcmeProblem('unauthorized', detail, { status: 401 })
}

export function tooMany(detail: string, retryAfterSeconds: number): AcmeProblem {
  const headers = { 'retry-after': String(Math.max(1, Math.ceil(retryAfterSeconds))) }
  return new AcmeProblem('rateLimited', detail, { headers })
}

/** Any error as a problem; what we did not foresee says nothing of itself. */
export function toProblem(error: unknown): AcmeProblem {
  if (error instanceof AcmeProblem) return error
  return new AcmeProblem('serverInternal', 'something went wrong on our side', { cause: error })
}
