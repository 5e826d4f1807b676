import { Refusal } from '@countersign/layers'

/** An answer of the Admin API that is no entity's error: Kong's sentence, its status, headers where there are any. */
export class AdminError extends Error {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Why, for records and not for who asked. */
  readonly rule: string
  constructor(
    status: number,
    message: string,
    options: { headers?: Record<string, string>; rule?: string } = {},
  ) {
    super(message)
    this.status = status
    this.headers = options.headers ?? {}
    this.rule = options.rule ?? message
  }
}

export const tooManyChanges = (): Refusal =>
  new Refusal('OVERLOADED', {
    rule: 'control: too many changes wait',
    remedy: 'make one change after the other, or all at once with POST /config',
    headers: { 'retry-after': '1' },
  })
