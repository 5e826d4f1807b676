import type { Frame, Layer } from './compose.ts'

export interface Parts {
  readonly recordOutcome: Frame
  readonly renderError: Frame
  readonly limitInFlight: Frame
  readonly parseRequest: Layer
  readonly matchRoute: Layer
  readonly earlyPlugins: Layer
  readonly authenticate: Layer
  readonly middlePlugins: Layer
  readonly shedLoad: Layer
  readonly rateLimit: Layer
  readonly authorize: Layer
  readonly latePlugins: Layer
  readonly recordIntent: Layer
  readonly forward: Layer
}

/** A request meets these from top to bottom; its answer climbs back through the frames. */
export const stack = (p: Parts): readonly (Layer | Frame)[] => [
  p.recordOutcome, // outermost: a refusal is a record too (shed load is counted, not stored)
  p.renderError, // the one place where a typed refusal becomes HTTP
  p.limitInFlight, // cheapest refusal first, by address and in total: parse nothing we will drop
  p.parseRequest, // bytes become a typed request, or nothing
  p.matchRoute, // an unlisted route ends here, before any cryptography
  p.earlyPlugins, // those of Kong that come before its jwt: CORS, bots
  p.authenticate, // who is asking
  p.middlePlugins, // those that prove who asks another way, and those that ask who it is
  p.shedLoad, // after who, so that strangers go first; before anything is used up
  p.rateLimit, // after who, so one caller cannot spend another's share
  p.authorize, // may they: from here on the request carries a Permit
  p.latePlugins, // those that change the request, or answer for the service: for nobody who may not
  p.recordIntent, // needs the Permit, comes before every effect
  p.forward,
]
