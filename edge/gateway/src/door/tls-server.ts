import { constants } from 'node:crypto'
import {
  createServer,
  type SecureContext,
  type Server,
  type TlsOptions,
  type TLSSocket,
} from 'node:tls'
import { HANDSHAKE_TIMEOUT_MS, SESSION_SECONDS_MAX } from '../limits.ts'

/** Certificate and key of the door, in PEM. */
export interface DoorCertificate {
  readonly cert: string
  readonly key: string
}

export interface TlsHooks {
  /** The certificate for a name that a client sent; `undefined`: that of the door. May throw: the handshake fails. */
  readonly certificateFor?: ((sni: string) => SecureContext | undefined) | undefined
  readonly secured: (socket: TLSSocket) => void
}

export const PROTOCOLS: readonly string[] = ['h2', 'http/1.1']
const TLS = {
  minVersion: 'TLSv1.2',
  ciphers: [
    'TLS_AES_128_GCM_SHA256',
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-CHACHA20-POLY1305',
  ].join(':'),
  honorCipherOrder: true,
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  sessionTimeout: SESSION_SECONDS_MAX,
} as const

/** TLS 1.2 or 1.3 with modern suites, sessions that can be resumed, and no certificate asked of clients. */
export function createTlsServer(certificate: DoorCertificate, hooks: TlsHooks): Server {
  return withHooks({ ...optionsOf(certificate), ALPNProtocols: [...PROTOCOLS] }, hooks)
}
export const optionsOf = ({ cert, key }: DoorCertificate): TlsOptions => ({ ...TLS, cert, key })

/** A server without a port of its own: it is handed its sockets. */
export function withHooks(options: TlsOptions, hooks: TlsHooks): Server {
  const { certificateFor } = hooks
  const choose: TlsOptions['SNICallback'] = (name, done) => {
    try {
      done(null, certificateFor?.(name.toLowerCase()))
    } catch (error) {
      done(error instanceof Error ? error : new Error('no certificate'))
    }
  }
  const server = createServer({
    ...options,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    ...(certificateFor === undefined ? {} : { SNICallback: choose }),
  })
  server.on('secureConnection', hooks.secured)
  return server
}
