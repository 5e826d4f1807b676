import type { SpiffeId } from '@countersign/ground/spiffe'
import type { Ask, Decide, Denied, Person } from '@countersign/policy'

/** What the certificate says by which the caller has proven its name. Both in lower case hex without leading zeros. */
export interface CallerCertificate {
  readonly callerSerial?: string | undefined
  /** The serial of the certificate that the caller joined with; renewals inherit it. */
  readonly callerLineage?: string | undefined
}

/** Proof that this caller may use this endpoint, now. Handlers and stores ask for one. */
export class Permit {
  readonly #sealed = true
  readonly service: string
  readonly endpoint: string
  readonly caller: string
  readonly callerId: SpiffeId | undefined
  readonly callerSerial: string | undefined
  readonly callerLineage: string | undefined
  readonly person: Person | undefined
  /** What allowed it. */
  readonly rule: string

  private constructor(ask: Ask & CallerCertificate, rule: string) {
    this.service = ask.service
    this.endpoint = ask.endpoint.name
    this.caller = ask.caller
    this.callerId = ask.callerId
    this.callerSerial = ask.callerSerial
    this.callerLineage = ask.callerLineage
    this.person = ask.person
    this.rule = rule
    Object.freeze(this)
  }

  /** The only maker of permits. Whoever holds it can mint, so a door makes one and keeps it. */
  static authorizer(decide: Decide): (ask: Ask & CallerCertificate) => Permit | Denied {
    return (ask) => {
      const verdict = decide(ask)
      return verdict.allowed ? new Permit(ask, verdict.rule) : verdict
    }
  }
  /** For a door whose other side the compiler cannot see. */
  static is(value: unknown): value is Permit {
    return typeof value === 'object' && value !== null && #sealed in value
  }
}
