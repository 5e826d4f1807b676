import { constants } from 'node:crypto'
import type { Server, TlsOptions } from 'node:tls'
import { selectAlpn } from '@countersign/ground/x509'
import {
  type DoorCertificate,
  optionsOf,
  PROTOCOLS,
  type TlsHooks,
  withHooks,
} from './tls-server.ts'

/**
 * The same, and clients are asked for a certificate. Whether one came and what it is worth is judged by the plugin of a
 * route, for each request: others are reached without. So a handshake does not fail for want of it, and nothing here takes
 * a certificate for proof. No session is resumed: it would bring the leaf without its chain, and a verdict of before.
 */
export function createAskingTlsServer(certificate: DoorCertificate, hooks: TlsHooks): Server {
  const options = askingOptionsOf(certificate)
  return withHooks({ ...options, ALPNCallback: selectAlpn(PROTOCOLS) }, hooks)
}
export const askingOptionsOf = (certificate: DoorCertificate): TlsOptions => ({
  ...optionsOf(certificate),
  // No authority is trusted here, and none is named to clients.
  ca: [],
  requestCert: true,
  rejectUnauthorized: false,
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_TICKET,
})
