import type { SpiffeId } from '@countersign/ground/spiffe'
import type { Allowed, Ask, Decide, Denied, Person } from '@countersign/policy'

/** What the certificate says by which the caller has proven its name. Both in lower case hex without leading zeros. */
export interface CallerCertificate {
  readonly callerSerial?: string | undefined
  /** The serial of the certificate that the caller joined with; renewals inherit it. */
  readonly callerLineage?: string | undefined
}

/** Proof that this caller may use this endpoint, now. Handlers and stores ask for one. Nothing of it can be changed. */
export class Permit {
  readonly #ask: Ask & CallerCertificate
  readonly #verdict: Allowed

  private constructor(ask: Ask & CallerCertificate, verdict: Allowed) {
    this.#ask = ask
    this.#verdict = verdict
  }
  get service(): string {
    return this.#ask.service
  }
  get endpoint(): string {
    return this.#ask.endpoint.name
  }
  get caller(): string {
    return this.#ask.caller
  }
  get callerId(): SpiffeId | undefined {
    return this.#ask.callerId
  }
  get callerSerial(): string | undefined {
    return this.#ask.callerSerial
  }
  get callerLineage(): string | undefined {
    return this.#ask.callerLineage
  }
  get person(): Person | undefined {
    return this.#ask.person
  }
  /** What allowed it. */
  get rule(): string {
    return this.#verdict.rule
  }

  /** The only maker of permits. Whoever holds it can mint, so a door makes one and keeps it. The ask becomes the permit's own. */
  static authorizer(decide: Decide): (ask: Ask & CallerCertificate) => Permit | Denied {
    return (ask) => {
      const verdict = decide(ask)
      return verdict.allowed ? new Permit(ask, verdict) : verdict
    }
  }
  /** For a door whose other side the compiler cannot see. */
  static is(value: unknown): value is Permit {
    return typeof value === 'object' && value !== null && #ask in value
  }
}
