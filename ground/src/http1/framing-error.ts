/** A body whose framing is broken: nobody can know where it ends, or what follows it. */
export class FramingError extends Error {
  readonly kind: 'malformed' | 'extensions-too-large' | 'trailers-too-large'
  /** The rule that was broken, for the log. */
  readonly rule: string
  constructor(kind: FramingError['kind'], rule: string) {
    super(rule)
    this.name = 'FramingError'
    this.kind = kind
    this.rule = rule
  }
}
