/* What a client of the fuzzer sends, and what it means by it. */

export const ORIGINS = ['node', 'nginx', 'apache'] as const
export type Origin = (typeof ORIGINS)[number]

/** What an origin has to see of a request, where the request reaches it. */
export interface Meant {
  readonly origin: Origin
  readonly method: string
  readonly target: string
  /** Headers of the client that go on, names in lower case, values without the white space around them. */
  readonly headers: readonly (readonly [string, string])[]
  /** The value of Host, of which the origin is told. */
  readonly host: string
  /** Latin1, byte by byte. */
  readonly body: string
  /** Who asks, as the gateway has to tell. */
  readonly consumer: string | undefined
}

/**
 * One request, or what looks like one. `served`: it reaches its origin, once, as it is meant. `refused`: no origin sees it, and what comes
 * behind it may be served or not. `ends`: no origin sees it, and what comes behind it is no request.
 */
export interface Piece {
  readonly kind: string
  readonly id: string
  readonly bytes: string
  readonly method: string
  readonly fate: 'served' | 'refused' | 'ends'
  /** The client says that nothing comes behind it. */
  readonly closes: boolean
  readonly meant: Meant | undefined
}

/** A request that hides in a body or behind something broken: no origin may ever see it. */
export const hidden = (origin: Origin, id: string): string =>
  `GET /${origin}/hidden?fuzz=${id}-hidden HTTP/1.1\r\nHost: localhost\r\nX-Fuzz: ${id}-hidden\r\n\r\n`
