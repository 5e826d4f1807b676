import type { Layer } from './compose.ts'

export interface Parts {
  readonly recordOutcome: Layer
  readonly renderError: Layer
  readonly limitInFlight: Layer
  readonly parseRequest: Layer
  readonly matchRoute: Layer
  readonly authenticate: Layer
  readonly rateLimit: Layer
  readonly authorize: Layer
  readonly recordIntent: Layer
  readonly forward: Layer
}

/** A request meets these from top to bottom; its answer climbs back. */
export const stack = (p: Parts): readonly Layer[] => [
  p.recordOutcome, // outermost: a refusal is a record too (shed load is counted, not stored)
  p.renderError, // the one place where a typed refusal becomes HTTP
  p.limitInFlight, // cheapest refusal first, by address and in total: parse nothing we will drop
  p.parseRequest, // bytes become a typed request, or nothing
  p.matchRoute, // an unlisted route ends here, before any cryptography
  p.authenticate, // who is asking
  p.rateLimit, // after who, so one caller cannot spend another's share
  p.authorize, // may they: from here on the request carries a Permit
  p.recordIntent, // needs the Permit, comes before every effect
  p.forward,
]
