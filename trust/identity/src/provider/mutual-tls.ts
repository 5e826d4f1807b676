import type { X509Certificate } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { TLSSocket } from 'node:tls'
import { GATEWAY } from '@countersign/contract'
import type { KoaContextWithOIDC } from 'oidc-provider'
import type { Doors } from '../door.ts'

/*
 * The certificate as a client's credential (RFC 8705, section 2.1).
 *
 * - it is the one of the connection itself; no header can bring another
 * - on connections of the gateway there is none: there the gateway speaks for whoever is outside
 * - whose it is was proven at the mesh's door, from the certificate's bytes; here the names are compared
 */
export function createMutualTls(doors: Doors) {
  const certificateOf = (request: IncomingMessage): X509Certificate | undefined => {
    if (doors.of(request).caller === GATEWAY) return undefined
    const { socket } = request
    return socket instanceof TLSSocket && socket.authorized
      ? socket.getPeerX509Certificate()
      : undefined
  }
  return {
    enabled: true,
    certificateBoundAccessTokens: true,
    tlsClientAuth: true,
    getCertificate: (ctx: KoaContextWithOIDC) => certificateOf(ctx.req),
    certificateAuthorized: (ctx: KoaContextWithOIDC) => certificateOf(ctx.req) !== undefined,
    certificateSubjectMatches: (ctx: KoaContextWithOIDC, property: string, expected: string) =>
      property === 'tls_client_auth_san_uri' && doors.of(ctx.req).callerId === expected,
  }
}
