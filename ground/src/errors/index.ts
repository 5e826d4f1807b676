/** An error with a code that callers switch on. The message is for people; `context` stays inside. */
export class CodedError<Code extends string = string> extends Error {
  readonly code: Code
  readonly context: Readonly<Record<string, unknown>>
  constructor(
    code: Code,
    message: string,
    options: { cause?: unknown; context?: Record<string, unknown> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'CodedError'
    this.code = code
    this.context = options.context ?? {}
  }
}

/** The text of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}

/** Asserts what cannot be otherwise: a broken invariant ends the process rather than go on wrong. */
export function invariant(holds: unknown, what: string): asserts holds {
  if (!holds) throw new Error(`broken invariant: ${what}`)
}
