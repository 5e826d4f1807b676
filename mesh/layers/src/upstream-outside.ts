import type { X509Certificate } from 'node:crypto'
import { connect as connectPlain, isIP } from 'node:net'
import {
  checkServerIdentity,
  type ConnectionOptions,
  connect,
  createSecureContext,
  type TLSSocket,
} from 'node:tls'
import {
  type Address,
  type Connector,
  establish,
  PROTOCOL_NAMES,
  readerFor,
  type TlsOptions,
  type WireProtocol,
} from './upstream-establish.ts'

/** Who is expected outside of the mesh. */
export type OutsidePeer =
  | {
      readonly kind: 'host'
      /** The name, or IP address, that its certificate must be for. */
      readonly name: string
      /** PEM of the roots to trust and no others; without it those that Node trusts. */
      readonly roots?: string
      /** PEM of what we show when asked who we are. */
      readonly clientCertificate?: { readonly cert: string; readonly key: string }
      /** Certificates between that of the host and the root, at most. */
      readonly depthMax?: number
    }
  /** Whoever is there, read by whoever listens. The caller answers for that. */
  | { readonly kind: 'plain' }

/** Makes the connections to a place outside of the mesh. Throws where certificate, key or roots cannot be used. */
export function createOutsideConnector(
  address: Address,
  peer: OutsidePeer,
  how: OutsideHow,
): Connector {
  return peer.kind === 'plain' ? plainConnector(address, how) : hostConnector(address, peer, how)
}
interface OutsideHow {
  /** CONNECT_TIMEOUT_MS where nothing else is said. */
  readonly timeoutMs?: number | undefined
  /** Without TLS nothing is agreed: the other side has to know. */
  readonly protocol: WireProtocol
}

function plainConnector(address: Address, { timeoutMs, protocol }: OutsideHow): Connector {
  return (onRead, done) =>
    establish(
      {
        ...{ address, timeoutMs, whom: 'a plain host', event: 'connect', judge: () => undefined },
        open: (onread) => connectPlain({ ...address, ...readerFor(protocol, onread) }),
      },
      onRead,
      done,
    )
}

/*
 * A connection to a host. Before any byte of a request is sent:
 *
 *  1. TLS 1.2 or 1.3; the protocol is agreed; for HTTP/1.1 none may be: many servers know no ALPN
 *  2. the chain ends in one of the roots, and the certificate is for the name (RFC 9525), whatever address was asked
 *  3. the certificate is within its time: a resumed session would not ask again
 *  4. the chain is no longer than it may be
 */
function hostConnector(
  address: Address,
  peer: OutsidePeer & { kind: 'host' },
  { timeoutMs, protocol }: OutsideHow,
): Connector {
  const { name, roots, clientCertificate, depthMax } = peer
  const options: ConnectionOptions = {
    ...address,
    ...(isIP(name) === 0 ? { servername: name } : {}),
    secureContext: createSecureContext({
      ...(roots === undefined ? {} : { ca: roots }),
      ...clientCertificate,
      minVersion: 'TLSv1.2',
    }),
    minVersion: 'TLSv1.2',
    ALPNProtocols: [protocol],
    rejectUnauthorized: true,
    checkServerIdentity: (_address, certificate) => checkServerIdentity(name, certificate),
  }
  let last: { readonly session: Buffer; readonly endsAt: number } | undefined
  return (onRead, done) => {
    const offered = last
    const session = offered === undefined ? {} : { session: offered.session }
    return establish(
      {
        ...{ address, timeoutMs, whom: name, event: 'secureConnect' },
        open: (onread) => connectTls({ ...options, ...session, ...readerFor(protocol, onread) }),
        judge: (socket) => {
          const tls = socket as TLSSocket
          const resumed = tls.isSessionReused()
          // Node links a certificate to its issuers only the first time that it is asked for.
          const leaf = resumed ? undefined : tls.getPeerX509Certificate()
          const endsAt = resumed ? offered?.endsAt : leaf?.validToDate.getTime()
          if (!tls.authorized) return 'its chain is not trusted'
          const silent = tls.alpnProtocol === false && protocol === 'http/1.1'
          if (tls.alpnProtocol !== protocol && !silent)
            return `it does not agree on ${PROTOCOL_NAMES[protocol]}`
          if (endsAt === undefined || !(Date.now() < endsAt))
            return 'its certificate is not within its time'
          if (depthMax !== undefined && !resumed && depthOf(leaf) > depthMax)
            return `its chain has more than ${depthMax} certificates between its own and the root`
          tls.on('session', (fresh: Buffer) => {
            last = { session: fresh, endsAt }
          })
          return undefined
        },
      },
      onRead,
      done,
    )
  }
}

const connectTls = (options: TlsOptions): TLSSocket => connect(options)

/** A chain is no longer, or it would not have been verified. */
const CHAIN_MAX = 100

/** Certificates between this one and the root. */
function depthOf(leaf: X509Certificate | undefined): number {
  let certificate = leaf
  let above = 0
  // The chain was verified, so it ends; a root is its own issuer, and where it does not come along it is not counted.
  for (
    ;
    certificate?.issuerCertificate !== undefined && above < CHAIN_MAX;
    certificate = certificate.issuerCertificate
  )
    above++
  const endsInRoot = certificate !== undefined && certificate.subject === certificate.issuer
  return endsInRoot ? above - 1 : above
}
