/*
 * SPIFFE identities, after the SPIFFE-ID standard, sections 2.1 to 2.3.
 *
 * - the scheme is `spiffe`, in lower case, followed by `://`
 * - the trust domain is 1 to 255 bytes of [a-z0-9.-_], without port or user info
 * - the path has no empty, `.` or `..` segment, no trailing slash, no percent-encoding
 * - query and fragment do not exist
 * - the whole is at most 2048 bytes
 */

/** A SPIFFE id that was checked against the standard. Compare with `===`. */
export type SpiffeId = string & { readonly __spiffe: unique symbol }

export interface SpiffeIdParts {
  readonly trustDomain: string
  /** With its leading slash; the empty string for the id of a trust domain itself. */
  readonly path: string
}

const ID_BYTES_MAX = 2048
const PATTERN = /^spiffe:\/\/([a-z0-9._-]{1,255})((?:\/[A-Za-z0-9._-]+)*)$/

/** Takes a SPIFFE id apart; `undefined` for anything that the standard does not allow. */
export function parseSpiffeId(text: string): SpiffeIdParts | undefined {
  if (!(text.length <= ID_BYTES_MAX)) return undefined
  const match = PATTERN.exec(text)
  if (match === null) return undefined
  const [, trustDomain = '', path = ''] = match
  const dotted = path.split('/').some((segment) => segment === '.' || segment === '..')
  return dotted ? undefined : { trustDomain, path }
}

/** Whether `text` is a well-formed SPIFFE id. */
export function isSpiffeId(text: string): text is SpiffeId {
  return parseSpiffeId(text) !== undefined
}

/** Makes an id from a trust domain and path segments. Throws `TypeError` where the standard forbids it. */
export function spiffeId(trustDomain: string, ...segments: readonly string[]): SpiffeId {
  const text = `spiffe://${[trustDomain, ...segments].join('/')}`
  if (!isSpiffeId(text) || segments.some((segment) => segment.includes('/'))) {
    throw new TypeError(`not a SPIFFE id: ${JSON.stringify(text)}`)
  }
  return text
}
