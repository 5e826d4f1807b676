import type { X509Certificate } from 'node:crypto'
import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls'
import { messageOf } from '@countersign/ground/errors'
import type { SpiffeId } from '@countersign/ground/spiffe'
import { checkSvid } from '@countersign/ground/x509'
import type { buildConnector } from 'undici'
import { CONNECT_TIMEOUT_MS } from './limits.ts'
import { UpstreamError } from './upstream-error.ts'

/** The live certificate of the calling workload. */
export interface ClientIdentity {
  /** PEM: the chain, leaf first, and the private key. */
  current(): { readonly chain: string; readonly key: string }
  /** PEM of the roots to trust. */
  bundle(): string
  /** Called after each renewal. Returns the way to stop listening. */
  onChange(listener: () => void): () => void
}

/** What a connection has proven. */
export interface PeerEvidence {
  readonly peerId: SpiffeId
  readonly peerSerial: string
  readonly peerNotBefore: Date
  readonly peerNotAfter: Date
  readonly tlsVersion: string
  readonly cipher: string
  readonly resumed: boolean
}

export interface ConnectorOptions {
  readonly address: { readonly host: string; readonly port: number }
  readonly expectedId: SpiffeId
  readonly identity: ClientIdentity
  readonly onPeer: (evidence: PeerEvidence) => void
}

/*
 * A connection to a workload. Before any byte of a request is sent:
 *
 *  1. TLS 1.3, our certificate shown, HTTP/1.1 agreed
 *  2. the chain of the other side ends in a root of our bundle and in no other (OpenSSL)
 *  3. its certificate is a well-formed X.509-SVID, and within its time: a resumed session would not ask again
 *  4. its SPIFFE id is exactly the expected one; names of hosts mean nothing here
 *
 * A resumed session shows no certificate: it continues a connection that has passed these rules, and inherits its proof.
 * So a session is kept only after the proof, and only within one connector, which serves one certificate of ours and one
 * expected id.
 */
interface Remembered {
  readonly session: Buffer
  readonly peer: PeerEvidence
}

/** Makes the connect function of a pool. Throws where certificate, key or bundle cannot be used. */
export function createConnector(options: ConnectorOptions): buildConnector.connector {
  const { chain, key } = options.identity.current()
  const secureContext = createSecureContext({
    cert: chain,
    key,
    ca: options.identity.bundle(),
    minVersion: 'TLSv1.3',
  })
  let last: Remembered | undefined
  return (_asked, callback) => {
    const offered = last
    const socket = openSocket(options.address, secureContext, offered?.session)
    const finish = (error: UpstreamError | null): void => {
      clearTimeout(timer)
      socket.off('error', onError)
      if (error === null) callback(null, socket)
      else {
        socket.on('error', () => undefined).destroy()
        callback(error, null)
      }
    }
    const onError = (error: Error): void =>
      finish(
        new UpstreamError(codeOf(error), describe(options, messageOf(error)), { cause: error }),
      )
    const timer = setTimeout(
      () => finish(new UpstreamError('CONNECT_FAILED', describe(options, 'took too long'))),
      CONNECT_TIMEOUT_MS,
    )
    socket.once('error', onError).once('secureConnect', () => {
      const peer = provePeer(socket, options.expectedId, offered?.peer)
      if (typeof peer === 'string')
        finish(new UpstreamError('PEER_REFUSED', describe(options, peer)))
      else {
        options.onPeer(peer)
        socket.on('session', (session: Buffer) => {
          last = { session, peer }
        })
        finish(null)
      }
    })
  }
}

function openSocket(
  { host, port }: ConnectorOptions['address'],
  secureContext: SecureContext,
  session: Buffer | undefined,
): TLSSocket {
  const socket = connect({
    host,
    port,
    secureContext,
    minVersion: 'TLSv1.3',
    ALPNProtocols: ['http/1.1'],
    rejectUnauthorized: true,
    // the SPIFFE id is checked in its place, see provePeer
    checkServerIdentity: () => undefined,
    ...(session === undefined ? {} : { session }),
  })
  return socket.setNoDelay(true).setKeepAlive(true, 30_000)
}

/** Rules 1 to 4, by what the finished handshake shows. A text says what is wrong. */
function provePeer(
  socket: TLSSocket,
  expectedId: SpiffeId,
  inherited: PeerEvidence | undefined,
): PeerEvidence | string {
  if (!socket.authorized) return 'its chain is not trusted'
  if (socket.alpnProtocol !== 'http/1.1') return 'it does not agree on HTTP/1.1'
  const resumed = socket.isSessionReused()
  const peer = resumed && inherited !== undefined ? inherited : readPeer(socket, expectedId)
  if (typeof peer === 'string') return peer
  if (!(peer.peerNotBefore.getTime() <= Date.now() && Date.now() < peer.peerNotAfter.getTime()))
    return 'its certificate is not within its time'
  return { ...peer, resumed }
}

function readPeer(socket: TLSSocket, expectedId: SpiffeId): PeerEvidence | string {
  const certificate: X509Certificate | undefined = socket.getPeerX509Certificate()
  if (certificate === undefined) return 'it showed no certificate'
  const verdict = checkSvid(certificate)
  if (!verdict.ok) return verdict.fault
  if (verdict.id !== expectedId) return `it is ${verdict.id}`
  return {
    peerId: verdict.id,
    peerSerial: certificate.serialNumber,
    peerNotBefore: certificate.validFromDate,
    peerNotAfter: certificate.validToDate,
    tlsVersion: socket.getProtocol() ?? '',
    cipher: socket.getCipher().name,
    resumed: false,
  }
}

/** Errors of certificates are about who answers; all others about whether someone does. */
function codeOf(error: Error): 'PEER_REFUSED' | 'CONNECT_FAILED' {
  const code = 'code' in error ? String(error.code) : ''
  return /CERT|SIGNATURE|ISSUER|SELF_SIGNED|ERR_SSL|ERR_TLS/.test(code)
    ? 'PEER_REFUSED'
    : 'CONNECT_FAILED'
}

const describe = ({ address, expectedId }: ConnectorOptions, what: string): string =>
  `${expectedId} at ${address.host}:${address.port}: ${what}`
