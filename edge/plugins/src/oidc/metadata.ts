import { isAlgorithm, PUBLIC_KEY_ALGORITHMS } from '../tokens/algorithms.ts'

/*
 * What an issuer says of itself (OpenID Connect Discovery 1.0 section 3, RFC 8414 section 2):
 *
 * - `issuer` is exactly the one that the operator has named
 * - its places are https URLs
 * - its algorithms are those that it names and that are safe here
 */
export interface IssuerMetadata {
  readonly issuer: string
  readonly jwksUri: string
  readonly introspectionEndpoint: string | undefined
  readonly endSessionEndpoint: string | undefined
  readonly algorithms: readonly string[]
  /** As it came, for the client of the code flow. */
  readonly raw: Readonly<Record<string, unknown>> & { readonly issuer: string }
}

const WELL_KNOWN = '/.well-known/openid-configuration'

/** Operators name the issuer, or the place of its document. */
export function placesOf(named: string): { readonly issuer: string; readonly document: string } {
  if (named.endsWith(WELL_KNOWN))
    return { issuer: named.slice(0, -WELL_KNOWN.length), document: named }
  return { issuer: named, document: `${named.replace(/\/$/, '')}${WELL_KNOWN}` }
}

/** Reads the document; a text says what is wrong with it. */
export function readMetadata(document: unknown, named: string): IssuerMetadata | string {
  if (typeof document !== 'object' || document === null) return 'the document is no object'
  const raw = new Map<string, unknown>(Object.entries(document))
  const issuer = raw.get('issuer')
  const expected = placesOf(named).issuer
  // Where the place of the document was named, the slash at the end of the issuer cannot be seen.
  const isIssuer = issuer === expected || (named.endsWith(WELL_KNOWN) && issuer === `${expected}/`)
  if (typeof issuer !== 'string' || !isIssuer) return 'the document is of another issuer'
  const jwksUri = raw.get('jwks_uri')
  if (!isPlace(jwksUri)) return 'jwks_uri is not an https URL'
  const introspection = raw.get('introspection_endpoint')
  const endSession = raw.get('end_session_endpoint')
  return {
    ...{
      issuer,
      jwksUri,
      algorithms: algorithmsOf(raw.get('id_token_signing_alg_values_supported')),
    },
    introspectionEndpoint: isPlace(introspection) ? introspection : undefined,
    endSessionEndpoint: isPlace(endSession) ? endSession : undefined,
    raw: { ...Object.fromEntries(raw), issuer },
  }
}

function algorithmsOf(named: unknown): readonly string[] {
  if (!Array.isArray(named)) return PUBLIC_KEY_ALGORITHMS
  return PUBLIC_KEY_ALGORITHMS.filter((name) => isAlgorithm(name) && named.includes(name))
}

const isPlace = (value: unknown): value is string =>
  typeof value === 'string' && URL.canParse(value) && new URL(value).protocol === 'https:'
